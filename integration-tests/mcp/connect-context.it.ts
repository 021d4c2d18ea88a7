import { describe, expect, test } from 'vitest'
import { inSpan, mark, telemetryOfTest, traceOf } from './telemetry-of-test.ts'
import { wirings, type WiringOptions } from './wirings.ts'

const peers: readonly (readonly [string, WiringOptions])[] = [
  ['both traced', {}],
  ['an untraced server', { server: false }],
]

describe.each(wirings)('$name', ({ wire, revision }) => {
  const seen = telemetryOfTest()

  test.each(peers)(
    'agents-4: connected inside a start-up span, %s: no later span is its child',
    async (_, options) => {
      const asked = (method: string): void => mark(`answer ${method}`)
      const wired = await inSpan('start-up', () => wire({ ...options, asked }))
      const handshake = traceOf(seen.spans, 'start-up')
      // What connect() itself asked is the only thing that belongs there.
      for (const { name } of handshake) expect(['start-up', 'initialize', 'server/discover']).toContain(name)

      await inSpan('agent run', async () => {
        await wired.call('search', { query: 'ships' })
        await wired.call('confirm')
        await wired.report(() => mark('progress'))
      })
      const there = await wired.close()
      const after = traceOf([...seen.spans, ...there], 'start-up').filter((span) => !handshake.includes(span))
      const names = new Set(after.map(({ name }) => name))
      for (const name of ['initialize', 'server/discover']) names.delete(name)
      // What an untraced server does itself is where its HTTP server was made.
      if (options.server === false) names.delete('look up ships')
      expect([...names]).toEqual([])

      const run = traceOf([...seen.spans, ...there], 'agent run').map(({ name }) => name)
      expect(run).toContain('progress')
      if (revision === '2026-07-28' || options.server !== false)
        expect(run).toContain('answer elicitation/create')
      else {
        // Nothing tells which call it is for: a trace of its own, that says why.
        const [asking] = seen.named('elicitation/create')
        expect(asking?.parentSpanContext).toBeUndefined()
        expect(asking?.attributes['waybill.root.reason']).toBe('no_carrier')
      }
    },
  )
})
