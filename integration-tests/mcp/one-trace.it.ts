import { context, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api'
import { traceTree } from '@waybill/core/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { installSdk, type TestTelemetry } from '../telemetry.ts'
import { wirings } from './wirings.ts'

const baggage = propagation.createBaggage({ 'session.id': { value: 's-42' } })

describe.each(wirings)('$name', ({ wire }) => {
  let telemetry: TestTelemetry
  beforeEach(() => {
    telemetry = installSdk()
  })
  afterEach(async () => {
    expect(telemetry.recorder.open).toEqual([])
    expect(telemetry.warnings).toEqual([])
    await telemetry.uninstall()
  })
  const withSpan = <T>(name: string, run: () => Promise<T>): Promise<T> =>
    context.with(propagation.setBaggage(ROOT_CONTEXT, baggage), () =>
      trace.getTracer('test').startActiveSpan(name, async (span) => {
        try {
          return await run()
        } finally {
          span.end()
        }
      }),
    )

  test('agents-1: an agent run with one tool call is one trace', async () => {
    const wired = await wire()
    telemetry.recorder.reset()
    await withSpan('agent run', () => wired.call('search', { query: 'ships' }))
    const before = telemetry.recorder.spans.length
    const spans = [...telemetry.recorder.spans.slice(0, before), ...(await wired.close())]
    const { traceId } = spans.find(({ name }) => name === 'agent run')!.spanContext()
    const run = spans.filter((span) => span.spanContext().traceId === traceId)
    expect(traceTree(run)).toBe(
      ['agent run', '  tools/call search', '    tools/call search', '      look up ships'].join('\n'),
    )
  })

  test('agents-2: baggage of the caller is readable in the tool', async () => {
    const wired = await wire()
    expect(await withSpan('agent run', () => wired.call('search', { query: 'ships' }))).toBe('s-42')
    await wired.close()
  })
})
