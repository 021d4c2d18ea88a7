import { SpanKind, trace, type Attributes } from '@opentelemetry/api'
import { recordSensitive } from '@waybill/agent'
import { describe, expect, test, vi } from 'vitest'
import { inSpan, telemetryOfTest } from './telemetry-of-test.ts'
import { wirings } from './wirings.ts'

describe.each(wirings.filter(({ name }) => name.includes('in memory')))('$name', ({ wire }) => {
  const seen = telemetryOfTest()
  const both = (options: object) => wire({ client: options, server: options })

  test('what a tool is given and gives goes to a recorder that was named, on either side', async () => {
    const recorded: [string, Attributes, string][] = []
    const recordContent = (name: string, attributes: Attributes): void => {
      const { kind } = trace.getActiveSpan() as unknown as { kind: SpanKind }
      recorded.push([name, attributes, SpanKind[kind]])
    }
    const wired = await both({ recordContent })
    await inSpan('agent run', () => wired.call('search', { query: 'ships' }))
    await wired.close()
    const given = { 'gen_ai.tool.call.arguments': '{"query":"ships"}' }
    const gave = { 'gen_ai.tool.call.result': '{"content":[{"type":"text","text":"s-42"}]}' }
    expect(recorded).toEqual([
      ['tool.call.arguments', given, 'CLIENT'],
      ['tool.call.arguments', given, 'SERVER'],
      ['tool.call.result', gave, 'SERVER'],
      ['tool.call.result', gave, 'CLIENT'],
    ])
  })

  test('agents-32: recordSensitive as the recorder is closed unless it is opened', async () => {
    const content = async () => {
      seen.reset()
      const wired = await both({ recordContent: recordSensitive })
      await inSpan('agent run', () => wired.call('search', { query: 'ships' }))
      await wired.close()
      return seen.spans.flatMap(({ events }) =>
        events.map(({ name, attributes }) => [name, attributes?.['sensitive']]),
      )
    }
    expect(await content()).toEqual([])
    vi.stubEnv('WAYBILL_TRACE_CONTENT', 'collector-filtered')
    expect(await content()).toEqual([
      ['tool.call.arguments', true],
      ['tool.call.result', true],
      ['tool.call.arguments', true],
      ['tool.call.result', true],
    ])
    vi.unstubAllEnvs()
  })
})

describe('a recorder that throws', () => {
  const seen = telemetryOfTest()

  test('does not reach the call', async () => {
    const recordContent = (): never => {
      throw new Error('recorder')
    }
    const [{ wire }] = [wirings[0]!]
    const wired = await wire({ client: { recordContent }, server: { recordContent } })
    expect(await wired.call('search', { query: 'ships' })).toBe('none')
    await wired.close()
    expect(seen.takeWarnings()).toEqual([expect.stringContaining('options.recordContent() failed') as string])
  })
})
