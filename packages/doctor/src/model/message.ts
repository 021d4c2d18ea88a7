import { isHousekeeping, isTransit, textFact } from './facts.ts'
import {
  COMPONENT,
  DESTINATION,
  GROUP,
  MESSAGE,
  MESSAGES,
  OFFSET,
  OPERATION,
  PARTITION,
  ROUTING_KEY,
  SENTRY_OP,
  SYSTEM,
} from './keys.ts'
import type { Facts, Span } from './span.ts'

export type Role = 'send' | 'process' | 'receive' | 'settle' | 'transit'

/** A span that has to do with messages of a destination. */
export interface Message {
  readonly span: Span
  readonly role: Role
  readonly system: string
  readonly destination: string
  /** What both sides know of the message: its id, or partition and offset. Several for batches. */
  readonly ids: readonly string[]
  readonly group: string | undefined
}

const SYSTEMS: Readonly<Record<string, string>> = {
  kafkajs: 'kafka',
  'confluentinc-kafka-javascript': 'kafka',
  amqplib: 'rabbitmq',
  bullmq: 'bullmq',
}

const ROLES: Readonly<Record<string, Role>> = {
  send: 'send',
  create: 'send',
  publish: 'send',
  process: 'process',
  deliver: 'process',
  receive: 'receive',
  settle: 'settle',
  'queue.publish': 'send',
  'queue.create': 'send',
  'queue.process': 'process',
  'queue.receive': 'receive',
  'queue.settle': 'settle',
}

/** The message span behind a span; `undefined` for any other span. */
export function messageOf(span: Span): Message | undefined {
  const role = roleOf(span)
  if (role === undefined) return undefined
  const { facts } = span
  const system = textFact(facts, SYSTEM) ?? systemByKeys(facts)
  const destination = destinationOf(facts)
  // A CONSUMER span without a place is something else's, e.g. an event bus within a process.
  if (destination === undefined) return undefined
  return { span, role, system, destination, ids: idsOf(span), group: textFact(facts, GROUP) }
}

/** Spans of clients that poll: what hangs under them has no message of its own there. */
export function isPoll(span: Span): boolean {
  return roleOf(span) === 'receive' || isHousekeeping(span)
}

function roleOf(span: Span): Role | undefined {
  const { facts, kind } = span
  if (isTransit(span)) return 'transit'
  const said = ROLES[textFact(facts, OPERATION) ?? ''] ?? ROLES[textFact(facts, [SENTRY_OP]) ?? '']
  if (said !== undefined) {
    // A batch publish is a CLIENT span that links the spans of its messages; it is none of theirs.
    if (said === 'send' && kind === 'CLIENT' && span.links.length > 0) return undefined
    return isHousekeeping(span) ? undefined : said
  }
  if (isHousekeeping(span)) return undefined
  // BullMQ moves failed jobs back in bulk: that is no send of one.
  if (kind === 'PRODUCER') return span.name.startsWith('retryJobs ') ? undefined : 'send'
  return kind === 'CONSUMER' ? 'process' : undefined
}

function systemByKeys(facts: Facts): string {
  if (facts['bullmq.queue.name'] !== undefined) return 'bullmq'
  return SYSTEMS[textFact(facts, [COMPONENT]) ?? ''] ?? ''
}

/** RabbitMQ's old conventions named the exchange only, and nothing for the default one. */
function destinationOf(facts: Facts): string | undefined {
  const name = textFact(facts, DESTINATION)
  const isOld = facts['messaging.destination.name'] === undefined
  const key = isOld ? textFact(facts, ROUTING_KEY) : undefined
  if (name === undefined) return key
  return key === undefined || key === name ? name : `${name}:${key}`
}

function idsOf({ facts, links }: Span): readonly string[] {
  const own = idOf(facts)
  if (own !== undefined) return [own]
  const many = facts[MESSAGES]
  if (Array.isArray(many)) return many.map(String)
  if (links.length === 0) return []
  return links.flatMap((link) => idOf(link.facts) ?? [])
}

function idOf(facts: Facts): string | undefined {
  const id = textFact(facts, MESSAGE)
  if (id !== undefined) return id
  const offset = textFact(facts, OFFSET)
  const partition = textFact(facts, PARTITION)
  return offset === undefined || partition === undefined ? undefined : `${partition}@${offset}`
}

/**
 * The names under which the messages of a consumer were sent, its own first: RabbitMQ's consumers name
 * `{exchange}:{key}:{queue}`, with what is empty or repeated left out, where a producer knows `{exchange}:{key}` only.
 */
export function sentUnder({ system, destination }: Message): readonly string[] {
  if (system !== 'rabbitmq' || !destination.includes(':')) return [destination]
  const parts = destination.split(':')
  return parts.map((_, i) => parts.slice(0, parts.length - i).join(':'))
}

/** Unknown systems may be the same. */
export function maySameSystem(a: Message, b: Message): boolean {
  return a.system === b.system || a.system === '' || b.system === ''
}
