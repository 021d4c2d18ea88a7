import { context as contextApi, createContextKey, type Context } from '@opentelemetry/api'
import { safely } from '@waybill/core/adapter'
import { internalsOf } from './internals.ts'
import type { Method } from './wrap.ts'

/*
 * BullMQ asks for the metadata of a flow's node before its children are known, and stores none with a node that has no
 * `opts`. Here the whole tree is at hand. BullMQ goes through it in order: within the context of a node it asks for its
 * children one by one, so a cursor in that context knows which node each call is about.
 */
const CURSOR_KEY = createContextKey('waybill.bullmq.flow')

interface Node {
  readonly queueName?: unknown
  readonly opts?: object
  readonly children?: readonly Node[] | null
}
interface Cursor {
  readonly nodes: readonly Node[]
  next: number
  /** Number of nodes in all trees of the call. */
  readonly total: number
}

/** What a producer knows of one node of its flow. */
export interface KnownNode {
  readonly op: 'flow-leaf' | 'flow-parent'
  /** Number of jobs that the call makes. */
  readonly total: number
  /** The context for the node's children. */
  readonly below: (context: Context) => Context
}

/** Passes BullMQ a copy of each tree in which all nodes have `opts`, and notes which node it comes to when. */
export function joiningNodes(original: Method): Method {
  return function add(this: unknown, ...args) {
    const { opts, telemetry } = this as { opts?: { telemetry?: object }; telemetry?: object }
    const internals = internalsOf((telemetry ?? opts?.telemetry) as { tracer?: unknown })
    const trees =
      internals && safely(internals.telemetry.log, 'reading a flow', undefined, () => copiesOf(args[0]))
    if (trees === undefined) return original.apply(this, args)
    const cursor: Cursor = {
      nodes: trees,
      next: 0,
      total: trees.reduce((sum, tree) => sum + sizeOf(tree), 0),
    }
    const context = contextApi.active().setValue(CURSOR_KEY, cursor)
    const passed = Array.isArray(args[0]) ? trees : trees[0]
    return contextApi.with(context, () => original.apply(this, [passed, ...args.slice(1)]))
  }
}

/** `undefined` for what is no tree: that is BullMQ's to refuse. */
function copiesOf(given: unknown): Node[] | undefined {
  const trees = Array.isArray(given) ? (given as unknown[]) : [given]
  return trees.every(isNode) ? trees.map(withOptions) : undefined
}

/** The node that BullMQ now asks about in this context; `undefined` unless it is certain. */
export function nextNode(context: Context, queue: string): KnownNode | undefined {
  const cursor = context.getValue(CURSOR_KEY) as Cursor | undefined
  const node = cursor?.nodes[cursor.next++]
  if (cursor === undefined || node?.queueName !== queue) return undefined
  const { total } = cursor
  const nodes = node.children ?? []
  return {
    op: nodes.length > 0 ? 'flow-parent' : 'flow-leaf',
    total,
    below: (above) => above.setValue(CURSOR_KEY, { nodes, next: 0, total } satisfies Cursor),
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null
}

function withOptions(node: Node): Node {
  const copy = Object.assign(Object.create(Object.getPrototypeOf(node) as object | null), node) as Node
  const { children } = node
  return Object.assign(copy, {
    opts: node.opts ?? {},
    ...(Array.isArray(children) && {
      children: (children as Node[]).map((child) => (isNode(child) ? withOptions(child) : child)),
    }),
  })
}

function sizeOf(node: Node): number {
  return 1 + (node.children ?? []).reduce((sum, child) => sum + (isNode(child) ? sizeOf(child) : 0), 0)
}
