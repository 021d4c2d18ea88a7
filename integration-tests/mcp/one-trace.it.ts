import { traceTree } from '@waybill/core/testing'
import { describe, expect, test } from 'vitest'
import { inSpan, mark, rootsOf, sessionId, telemetryOfTest, traceOf } from './telemetry-of-test.ts'
import { wirings } from './wirings.ts'

const tree = (...lines: readonly string[]): string => lines.join('\n')

describe.each(wirings)('$name', ({ wire, revision }) => {
  const seen = telemetryOfTest()

  test('agents-1: an agent run with one tool call is one trace', async () => {
    const wired = await wire()
    await inSpan('agent run', () => wired.call('search', { query: 'ships' }))
    const spans = [...(await wired.close()), ...seen.spans]
    expect(traceTree(traceOf(spans, 'agent run'))).toBe(
      tree('agent run', '  tools/call search', '    tools/call search', '      look up ships'),
    )
  })

  test('agents-2: baggage of the caller is readable in the tool', async () => {
    const wired = await wire()
    expect(await inSpan('agent run', () => wired.call('search', { query: 'ships' }))).toBe('s-42')
    expect(await wired.call('search', { query: 'ships' })).toBe('none')
    await wired.close()
  })

  describe.each([
    ['confirm', 'elicitation/create'],
    ['summarise', 'sampling/createMessage'],
  ])('the server asks: %s', (tool, method) => {
    const agents = revision === '2025-11-25' ? 'agents-3' : 'agents-5'

    test(`${agents}: ${method} is in the trace of the call`, async () => {
      const sessions: unknown[] = []
      const asked = (): void => {
        sessions.push(sessionId())
        mark('client at work')
      }
      const wired = await wire({ asked })
      expect(await inSpan('agent run', () => wired.call(tool))).toBe(tool === 'confirm' ? 'accept' : 'm')
      const spans = [...(await wired.close()), ...seen.spans]
      const run = traceOf(spans, 'agent run')
      const call = [`  tools/call ${tool}`, `    tools/call ${tool}`]
      expect(traceTree(run)).toBe(
        revision === '2025-11-25'
          ? // A request of the server, below what it handles.
            tree('agent run', ...call, `      ${method}`, `        ${method}`, '          client at work')
          : // A step of the conversation: the client does its part and calls again.
            tree('agent run', ...call, '  client at work', ...call),
      )
      expect(sessions).toEqual(['s-42'])
      expect(rootsOf(run)).toEqual(['agent run'])
      expect(run.filter(({ attributes }) => attributes['error.type'] !== undefined)).toEqual([])
    })
  })
})
