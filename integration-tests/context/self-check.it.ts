import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

/** What an application in a process of its own has seen of three adapters that handle two messages each. */
interface Seen {
  readonly warnings: string[]
  readonly handled: number
  readonly spans: number
  readonly open: number
}

/**
 * @param application SDK line, and with it version of the API, of the application
 * @param ours that whose API our packages get
 */
async function seen(setup: string, application: 2 | 3, ours: 2 | 3): Promise<Seen> {
  const file = fileURLToPath(new URL('child/faulty-setup.mjs', import.meta.url))
  const args = ['--no-warnings', '--conditions=waybill-source', file, setup, `${application}`, `${ours}`]
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args)
  expect(stderr).toBe('')
  return JSON.parse(stdout) as Seen
}

const lines = [
  [2, 2, 'API 1.9, SDK 2'],
  [3, 3, 'API 1.10, SDK 3'],
] as const

test('agents-39: our API is newer than that of the application: one warning that says how to make them one; no span', async () => {
  const { warnings, handled, spans } = await seen('complete', 2, 3)
  expect(warnings).toEqual([expect.stringMatching(/another copy of @opentelemetry\/api \(1\.9\.1\)/)])
  expect(warnings[0]).toContain('npm ls @opentelemetry/api')
  expect([handled, spans]).toEqual([6, 0])
})

test('agents-39: our API is older than that of the application: two copies, and all works', async () => {
  expect(await seen('complete', 3, 2)).toEqual({ warnings: [], handled: 6, spans: 6, open: 0 })
})

const faults = [
  ['no SDK', 'No OpenTelemetry SDK is registered', 'Start the SDK first', 0],
  ['no context manager', 'No context manager is registered', 'setGlobalContextManager', 6],
  ['baggage only', 'The propagator writes no traceparent', 'Register W3CTraceContextPropagator', 6],
  ['no propagator', 'The propagator writes no traceparent', 'Register W3CTraceContextPropagator', 6],
] as const

for (const [application, ours, generation] of lines) {
  test(`agents-39: a set-up without fault (${generation}): no warning`, async () => {
    expect(await seen('complete', application, ours)).toEqual({ warnings: [], handled: 6, spans: 6, open: 0 })
  })
  test.each(faults)(
    `agents-39: %s (${generation}): one warning that names the cure`,
    async (setup, what, cure, traced) => {
      const { warnings, handled, spans } = await seen(setup, application, ours)
      expect(warnings).toEqual([expect.stringContaining(what)])
      expect(warnings[0]).toContain(cure)
      expect([handled, spans]).toEqual([6, traced])
    },
  )
}
