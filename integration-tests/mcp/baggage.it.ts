import { trace } from '@opentelemetry/api'
import { baggageSpanProcessor } from '@waybill/core'
import { spanRecorder, type SpanRecorder } from '@waybill/core/testing'
import { sdk } from '../otel-sdk-3/sdk.ts'
import { describe, expect, test } from 'vitest'
import { inSpan, mark, telemetryOfTest, traceOf } from './telemetry-of-test.ts'
import { wirings } from './wirings.ts'

describe.each(wirings.filter(({ name }) => !name.includes('stdio')))('$name', ({ wire }) => {
  telemetryOfTest()

  test('agents-30: the session id is on every span of the run', async () => {
    const [baggage, recorder] = [baggageSpanProcessor({ allow: ['session.id'] }), spanRecorder()]
    const processor: SpanRecorder = Object.assign(Object.create(recorder) as SpanRecorder, {
      onStart(span: { setAttribute(key: string, value: string): unknown }, context: never) {
        baggage.onStart(span, context)
        recorder.onStart(span)
      },
    })
    trace.disable()
    trace.setGlobalTracerProvider(sdk.tracerProvider(processor, true))

    const wired = await wire({ asked: () => mark('client at work') })
    await inSpan('agent run', async () => {
      await wired.call('search', { query: 'ships' })
      await wired.call('confirm')
      await wired.report(() => mark('progress'))
    })
    await wired.close()
    const run = traceOf(recorder.spans, 'agent run')
    expect(run.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['look up ships', 'client at work', 'progress', 'tools/call confirm']),
    )
    expect(
      run.filter(({ attributes }) => attributes['session.id'] !== 's-42').map(({ name }) => name),
    ).toEqual([])
  })
})
