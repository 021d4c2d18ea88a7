import { type ReceivedSpan, spanKinds } from '../src/spans/span.ts'

/** A span of which only what a test is about has to be said. */
export function madeSpan(spanId: string, given: Partial<ReceivedSpan> = {}): ReceivedSpan {
  return {
    traceId: 'one',
    spanId,
    name: spanId,
    kind: spanKinds.internal,
    agent: 'planner',
    scope: 'test',
    start: 0,
    end: 1000,
    attributes: {},
    links: [],
    failed: false,
    ...given,
  }
}

export function madeTransit(
  spanId: string,
  queue: string,
  start: number,
  end: number,
  parentSpanId = 'entry',
): ReceivedSpan {
  return madeSpan(spanId, {
    parentSpanId,
    start,
    end,
    attributes: { 'messaging.operation.name': 'transit', 'messaging.destination.name': queue },
  })
}
