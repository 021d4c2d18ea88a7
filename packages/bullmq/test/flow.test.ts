import { context, ROOT_CONTEXT } from '@opentelemetry/api'
import { expect, test } from 'vitest'
import { joiningNodes, nextNode } from '../src/flow.ts'
import { bullmqTelemetry } from '../src/index.ts'

interface Tree {
  readonly name: string
  readonly queueName: string
  readonly opts?: object
  readonly children?: readonly Tree[]
}

/** What BullMQ is passed, by a producer that has our telemetry or another one. */
function passed(
  given: unknown,
  telemetry: unknown = bullmqTelemetry(),
): { args: unknown[]; active: boolean } {
  const seen = { args: [] as unknown[], active: false }
  const add = joiningNodes(function original(...args) {
    seen.args = args
    seen.active = context.active() !== ROOT_CONTEXT
    return undefined
  })
  add.call({ telemetry }, given, 'more')
  return seen
}

test('a copy of the tree is passed on, all of its nodes with opts; what is there is kept', () => {
  const opts = Object.freeze({ delay: 5 })
  class Node {
    readonly name = 'leaf'
    get queueName(): string {
      return 'q'
    }
  }
  const leaf = new Node()
  const tree: Tree = Object.freeze({ name: 'a', queueName: 'q', opts, children: Object.freeze([leaf]) })
  const { args } = passed(tree)
  const [copy, more] = args as [Tree, unknown]
  expect(copy).not.toBe(tree)
  expect(copy).toMatchObject({ name: 'a', queueName: 'q', opts: { delay: 5 } })
  expect(copy.opts).toBe(opts)
  expect(copy.children?.[0]).toMatchObject({ name: 'leaf', queueName: 'q', opts: {} })
  expect(leaf).not.toHaveProperty('opts')
  expect(more).toBe('more')
})

test('several trees stay several', () => {
  const { args } = passed([{ name: 'a', queueName: 'q' }])
  expect(args[0]).toEqual([{ name: 'a', queueName: 'q', opts: {} }])
})

test.each([[undefined], [null], ['text'], [[null]], [[1]]])(
  '%j is passed as it is: BullMQ refuses it',
  (given) => {
    expect(passed(given).args[0]).toBe(given)
  },
)

test('a tree that cannot be copied is passed as it is', () => {
  const circular: { children: unknown[] } = { children: [] }
  circular.children.push(circular)
  expect(passed(circular).args[0]).toBe(circular)
})

test('the producers of other telemetry pass straight through', () => {
  const tree = { name: 'a', queueName: 'q' }
  expect(passed(tree, { tracer: {} }).args[0]).toBe(tree)
})

test('outside a flow no node is known, nor one of another queue', () => {
  expect(nextNode(ROOT_CONTEXT, 'q')).toBeUndefined()
})
