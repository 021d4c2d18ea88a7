import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import { expect, test, describe } from 'vitest'
import { isMissing, url } from './stage.ts'

interface SpanOfSentry {
  readonly name: string
  readonly spanId: string
  readonly traceId: string
  readonly parent?: string
  readonly origin: string
}
interface Seen {
  readonly warnings: readonly string[]
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly tenant?: string
  readonly ofSentry: readonly SpanOfSentry[]
  readonly ofOurs: readonly { readonly name: string; readonly spanId: string; readonly parent?: string }[]
  readonly open: number
}

/** What Sentry adds to this process cannot be taken away again, so each of its set-ups has one of its own. */
async function beside(setUp: 'apart' | 'together' | 'left out'): Promise<Seen> {
  const file = path.join(import.meta.dirname, 'child/beside-sentry.mjs')
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--no-warnings', '--conditions=waybill-source', '--import', '@sentry/node/import', file, setUp],
    { cwd: import.meta.dirname, env: { ...process.env, AMQP_URL: url }, timeout: 20_000 },
  )
  return JSON.parse(stdout) as Seen
}

const ofIntegration = ({ origin }: SpanOfSentry): boolean => origin.startsWith('auto.queue.amqplib')
const under = ({ name, parent }: { readonly name: string; readonly parent?: string }): string =>
  `${name.split(' ')[0]} under ${parent}`
const beneath = (publish: { readonly spanId: string } | undefined): Set<string> =>
  new Set(['publish under undefined', `consume under ${publish?.spanId}`, `transit under ${publish?.spanId}`])
const fromSentry = expect.stringContaining("name !== 'Amqplib'")
const noTraceparent = expect.stringContaining('The propagator writes no traceparent')

describe.skipIf(isMissing)('beside Sentry and its integration for amqplib', () => {
  test('rabbitmq-26: apart, its default: in each a producer and a consumer span, the header ours, the baggage of both, warned once', async () => {
    const { warnings, headers, tenant, ofSentry, ofOurs, open } = await beside('apart')
    expect(warnings).toEqual([fromSentry])
    const [publish] = ofOurs.filter(({ name }) => name === 'publish')
    expect(new Set(ofOurs.map(under))).toEqual(beneath(publish))
    expect(ofOurs).toHaveLength(3)
    expect(open).toBe(0)
    expect(headers['traceparent']).toContain(publish?.spanId)
    expect(headers['baggage']).toMatch(/^tenant=acme,sentry-/)
    expect(tenant).toBe('acme')
    const [send, process] = ofSentry
    expect(ofSentry.map(({ origin }) => origin)).toEqual([
      'auto.queue.amqplib.publisher',
      'auto.queue.amqplib.consumer',
    ])
    expect(headers['sentry-trace']).toContain(send?.spanId)
    expect(process?.parent).toBe(send?.spanId)
  })

  test("rabbitmq-26: in Sentry's own OpenTelemetry set-up: two spans a side, one trace, warned with the switch", async () => {
    const { warnings, ofSentry } = await beside('together')
    expect(warnings).toEqual([fromSentry, noTraceparent])
    expect(ofSentry.filter(ofIntegration)).toHaveLength(2)
    const ours = ofSentry.filter((span) => !ofIntegration(span))
    expect(new Set(ours.map(({ name }) => name.split(' ')[0]))).toEqual(
      new Set(['publish', 'consume', 'transit']),
    )
    expect(ours).toHaveLength(3)
    expect(new Set(ofSentry.map(({ traceId }) => traceId)).size).toBe(1)
  })

  test('rabbitmq-26: there, with the switch as told: one producer and one consumer span, ours, and the header ours', async () => {
    const { warnings, headers, ofSentry } = await beside('left out')
    expect(warnings).toEqual([noTraceparent])
    const [publish] = ofSentry.filter(({ name }) => name.startsWith('publish'))
    expect(new Set(ofSentry.map(under))).toEqual(beneath(publish))
    expect(ofSentry).toHaveLength(3)
    expect(headers['sentry-trace']).toContain(publish?.spanId)
  })
})
