import { randomUUID } from 'node:crypto'
import { context, propagation, SpanKind, trace, type Span } from '@opentelemetry/api'
import { ATTR_TRANSIT_TIME } from '@waybill/core/adapter'
import { fixOfLoss } from './rules/fixes.ts'

/** Names for the messages of a self-test. */
export interface SelftestOptions {
  /** `bullmq`, `rabbitmq`, `kafka` or `redis`: the fix is then in the words of that adapter. */
  readonly system?: string
  /** The queue, topic or stream. */
  readonly destination?: string
  /** Milliseconds to wait for the canary. Default 10,000. */
  readonly timeoutMs?: number
  /** Milliseconds by which the recorded wait may differ from the one measured here. Default 100. */
  readonly toleranceMs?: number
}

/** What became of the canary. */
export interface SelftestResult {
  readonly arrived: boolean
  /** `parent`: one trace; `link`: a new trace that links the sender's; `lost`: neither. */
  readonly context: 'parent' | 'link' | 'lost'
  readonly baggage: boolean
  /** Milliseconds that the telemetry says the message waited; `undefined` if it does not say. */
  readonly transitMs: number | undefined
  /** Milliseconds from the send to the handler, measured here. */
  readonly measuredMs: number
  /** What is not as it should be, one sentence each; empty if all is well. */
  readonly problems: readonly string[]
}

const BAGGAGE_KEY = 'waybill.selftest'

/** What an SDK's span lets be read, beyond the API. */
interface ReadableParts {
  readonly attributes?: Readonly<Record<string, unknown>>
  readonly links?: readonly { readonly context: { readonly traceId: string } }[]
}

/**
 * Sends a canary through your own clients and queue, and says whether its context, wait and baggage arrive. Needs an SDK
 * that is registered and samples; sends one message and exports a few spans.
 *
 * @param send sends one message that holds the text
 * @param receive starts to consume and calls `seen(text)` inside the handler of every message; may return what stops it
 * @throws only what `send` or `receive` throw
 * @example
 * const result = await selftest(
 *   (text) => queue.add('canary', { text }),
 *   (seen) => new Worker('jobs', async (job) => seen(job.data.text), { connection, telemetry }),
 * )
 */
export async function selftest(
  send: (text: string) => unknown,
  receive: (seen: (text: unknown) => void) => unknown,
  options: SelftestOptions = {},
): Promise<SelftestResult> {
  const { timeoutMs = 10_000 } = options
  const id = `waybill-selftest-${randomUUID()}`
  let arrive: (arrival: Arrival) => void = () => undefined
  const arrived = new Promise<Arrival>((resolve) => {
    arrive = resolve
  })
  const stop = await receive((text) => {
    if (!String(text).includes(id)) return
    const baggage = propagation.getActiveBaggage()?.getEntry(BAGGAGE_KEY)?.value
    arrive({ at: performance.now(), span: trace.getActiveSpan(), baggage: baggage === id })
  })
  const root = trace
    .getTracer('@waybill/doctor')
    .startSpan('waybill selftest', { kind: SpanKind.INTERNAL, root: true })
  const bag = propagation.createBaggage({ [BAGGAGE_KEY]: { value: id } })
  const active = propagation.setBaggage(trace.setSpan(context.active(), root), bag)
  const sentAt = performance.now()
  let timer: NodeJS.Timeout | undefined
  try {
    await context.with(active, async () => send(id))
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), timeoutMs)
    })
    return judge(await Promise.race([arrived, late]), root, sentAt, options)
  } finally {
    clearTimeout(timer)
    root.end()
    if (typeof stop === 'function') await (stop as () => unknown)()
  }
}

interface Arrival {
  readonly at: number
  readonly span: Span | undefined
  readonly baggage: boolean
}

function judge(
  arrival: Arrival | undefined,
  root: Span,
  sentAt: number,
  options: SelftestOptions,
): SelftestResult {
  const place = options.destination ?? 'the queue'
  const measuredMs = (arrival?.at ?? performance.now()) - sentAt
  if (arrival === undefined) {
    const problems = [`the canary did not arrive from ${place} within ${Math.round(measuredMs)} ms`]
    return { arrived: false, context: 'lost', baggage: false, transitMs: undefined, measuredMs, problems }
  }
  const problems: string[] = []
  if (!trace.isSpanContextValid(root.spanContext())) {
    problems.push('no SDK is registered, or @opentelemetry/api is there twice: nothing can be traced')
  }
  const relation = relationOf(arrival.span, root.spanContext().traceId)
  if (relation === 'lost') {
    const hop = { ...(options.system !== undefined && { system: options.system }), destination: place }
    const seen =
      arrival.span === undefined
        ? 'the handler runs in no span at all: the consumer is not wrapped'
        : 'the handler runs in a trace of its own'
    const side = arrival.span === undefined ? 'consumer' : 'unknown'
    problems.push(`context was lost on ${place}: ${seen}. Fix: ${fixOfLoss(hop, side)}`)
  }
  if (!arrival.baggage) problems.push(`baggage did not arrive over ${place}`)
  const transitMs = transitOf(arrival.span)
  if (transitMs === undefined) problems.push(`nothing says how long the message waited in ${place}`)
  else if (transitMs < 0 || transitMs > measuredMs + (options.toleranceMs ?? 100)) {
    problems.push(
      `the recorded wait of ${Math.round(transitMs)} ms cannot be: the message was under way for ${Math.round(measuredMs)} ms`,
    )
  }
  return { arrived: true, context: relation, baggage: arrival.baggage, transitMs, measuredMs, problems }
}

function relationOf(span: Span | undefined, traceId: string): SelftestResult['context'] {
  if (span === undefined) return 'lost'
  if (span.spanContext().traceId === traceId) return 'parent'
  const { links = [] } = span as Span & ReadableParts
  return links.some((link) => link.context.traceId === traceId) ? 'link' : 'lost'
}

function transitOf(span: Span | undefined): number | undefined {
  const seconds = (span as (Span & ReadableParts) | undefined)?.attributes?.[ATTR_TRANSIT_TIME]
  return typeof seconds === 'number' ? seconds * 1000 : undefined
}
