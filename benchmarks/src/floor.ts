import {
  context,
  metrics,
  propagation,
  ROOT_CONTEXT,
  trace,
  TraceFlags,
  type Span,
  type SpanContext,
} from '@opentelemetry/api'
import type { PointShape, Shape, SpanShape } from './shape.ts'
import type { Workload } from './workload.ts'

type Carrier = Record<string, string>

/**
 * The SDK floor: what the OpenTelemetry API itself costs for the spans, attributes, links, context switches and histogram
 * points of `shape`, with inject and extract, called by hand and without any client. It is written as somebody who knows
 * the API would write it for one broker: nothing is looked up, and no transit span is tried for an unsampled message.
 * The counters that ours keep besides are left out, so that the limit is rather too low than too high.
 */
export function openFloor(shape: Shape): Workload {
  const { points } = shape
  const { producer, transit, process } = measuredSpans(shape)
  const messagesPerSpan = Math.round(process.count / producer.count)
  const tracer = trace.getTracer('@waybill/benchmarks')
  const { onSend, onProcess } = recorders(producer, points)

  async function send(): Promise<Carrier> {
    const started = performance.now()
    const caller = context.active()
    const span = tracer.startSpan(producer.name, optionsOf(producer), caller)
    const sending = trace.setSpan(caller, span)
    const carrier: Carrier = {}
    propagation.inject(sending, carrier)
    await context.with(sending, call)
    span.end()
    onSend((performance.now() - started) / 1000)
    return carrier
  }

  async function handle(carrier: Carrier): Promise<void> {
    const started = performance.now()
    const extracted = propagation.extract(ROOT_CONTEXT, carrier)
    const creation = trace.getSpanContext(extracted)
    if (creation !== undefined && (creation.traceFlags & TraceFlags.SAMPLED) !== 0) waited(extracted)
    const span: Span = tracer.startSpan(process.name, optionsOf(process, creation), extracted)
    await context.with(trace.setSpan(extracted, span), call)
    span.end()
    onProcess((performance.now() - started) / 1000)
  }

  function waited(extracted: ReturnType<typeof context.active>): void {
    const now = new Date()
    tracer.startSpan(transit.name, { ...optionsOf(transit), startTime: now }, extracted).end(now)
  }

  return {
    messagesPerSpan,
    async run(messages) {
      let carrier: Carrier = {}
      for (let i = 0; i < messages; i++) {
        if (i % messagesPerSpan === 0) carrier = await send()
        await handle(carrier)
      }
    },
    async runEmpty(messages) {
      for (let i = 0; i < messages; i++) {
        if (i % messagesPerSpan === 0) await emptySend()
        await emptyHandle()
      }
    },
    async close() {},
  }
}

const OPERATION_NAME = 'messaging.operation.name'

/** Stands for the client's call and for the user's handler. */
async function call(): Promise<void> {}

async function emptySend(): Promise<void> {
  await call()
}

async function emptyHandle(): Promise<void> {
  await call()
}

/** @throws if ours emitted no span of one kind, so that there is nothing to measure by */
export function measuredSpans({ spans }: Shape): Record<'producer' | 'transit' | 'process', SpanShape> {
  const { producer, transit, process } = spans
  if (producer === undefined || transit === undefined || process === undefined)
    throw new Error('Ours emitted no producer, transit or process span to take as the measure')
  return { producer, transit, process }
}

export function optionsOf({ kind, attributes, links }: SpanShape, creation?: SpanContext) {
  return {
    kind,
    attributes: { ...attributes },
    links: creation === undefined ? [] : Array.from({ length: links }, () => ({ context: creation })),
  }
}

/** The points of a send, and those of a message that is handled. */
export function recorders(
  producer: SpanShape,
  points: readonly PointShape[],
): Record<'onSend' | 'onProcess', (seconds: number) => void> {
  const operation = producer.attributes[OPERATION_NAME]
  return {
    onSend: recorder(points.filter(({ attributes }) => attributes[OPERATION_NAME] === operation)),
    onProcess: recorder(points.filter(({ attributes }) => attributes[OPERATION_NAME] !== operation)),
  }
}

/** Records one point in each of these histograms. Their attributes never change, so they are made once. */
function recorder(points: readonly PointShape[]): (seconds: number) => void {
  const meter = metrics.getMeter('@waybill/benchmarks')
  const series = points.flatMap(({ instrument, attributes, boundaries }) => {
    if (boundaries === undefined) return []
    const advice = { explicitBucketBoundaries: [...boundaries] }
    return [{ histogram: meter.createHistogram(instrument, { unit: 's', advice }), attributes }]
  })
  return (seconds) => {
    for (const { histogram, attributes } of series) histogram.record(seconds, attributes)
  }
}
