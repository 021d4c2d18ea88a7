import { createHash } from 'node:crypto'
import type { Attributes, AttributeValue, RawSpan } from '../input/raw-span.ts'
import { textOf } from '../input/shape.ts'
import { secretIn } from './secrets.ts'

/** Content where none should be. The value itself is never kept. */
export interface Leak {
  /** What is wrong, e.g. `content key` or `JWT`. */
  readonly kind: string
  readonly key: string
  readonly service: string
  readonly span: string
  readonly spanId: string
  readonly traceId: string
  readonly length: number
  /** First digits of the value's SHA-256, to tell whether two are the same. */
  readonly hash: string
}

const CONTENT_KEYS = new Set([
  'gen_ai.input.messages',
  'gen_ai.output.messages',
  'gen_ai.system_instructions',
  'gen_ai.tool.call.arguments',
  'gen_ai.tool.call.result',
  'gen_ai.prompt',
  'gen_ai.completion',
  'input.value',
  'output.value',
  'bullmq.job.result',
  'bullmq.job.options',
  'messaging.url',
])
/** Families of keys: one for each message, or for each option of a job. */
const CONTENT_KEY =
  /^(llm\.(input|output)_messages\.|gen_ai\.(prompt|completion)\.\d|traceloop\.entity\.(input|output)|bullmq\.job\.(opts|options|data)\.|appsignal\..*(options|params|parameters))/
/** Filled from baggage, which anybody may send. */
const FROM_BAGGAGE = /^(baggage\.|session\.id$|user\.id$|enduser\.id$|tenant\.id$|app\.agent\.)/
const LONGEST_FROM_BAGGAGE = 128

/** Everything in one span that should not have left the process. */
export function* leaksOf(span: RawSpan): Generator<Leak> {
  yield* leaksIn(span, span.attributes, '')
  yield* leaksIn(span, span.resource, 'resource ')
  for (const link of span.links) yield* leaksIn(span, link.attributes, 'link ')
  for (const event of span.events) {
    const { sensitive } = event.attributes
    if (sensitive === true) yield leak(span, 'sensitive event', `event ${event.name}`, sensitive)
    // The collector's filter compares with the boolean.
    if (sensitive === 'true') {
      yield leak(span, 'sensitive event unfiltered: "true" as text', `event ${event.name}`, sensitive)
    }
    yield* leaksIn(span, event.attributes, `event ${event.name} `)
  }
}

function* leaksIn(span: RawSpan, attributes: Attributes, where: string): Generator<Leak> {
  for (const [key, value] of Object.entries(attributes)) {
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    if (CONTENT_KEYS.has(key) || CONTENT_KEY.test(key))
      yield leak(span, 'content key', `${where}${key}`, value)
    if (text.length > LONGEST_FROM_BAGGAGE && FROM_BAGGAGE.test(key)) {
      yield leak(span, 'long value from baggage', `${where}${key}`, value)
    }
    const secret = secretIn(text)
    if (secret !== undefined) yield leak(span, secret, `${where}${key}`, value)
  }
}

function leak(span: RawSpan, kind: string, key: string, value: AttributeValue): Leak {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return {
    kind,
    key,
    service: textOf(span.resource['service.name']),
    span: span.name,
    spanId: span.spanId,
    traceId: span.traceId,
    length: text.length,
    hash: createHash('sha256').update(text).digest('hex').slice(0, 12),
  }
}
