import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { ZipkinExporter } from '@opentelemetry/exporter-zipkin'
import type { Relation } from '@waybill/core'
import { traceHandler, traceProducer, type StreamEntry } from '@waybill/redis-streams'
import { ZipkinExporter as ZipkinExporter2 } from 'exporter-zipkin-2'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { sdk as sdk2 } from '../otel-sdk-2/sdk.ts'
import { sdk as sdk3 } from '../otel-sdk-3/sdk.ts'
import { entryOf, redisScratch, servers, type Scratch } from '../redis-streams/scratch.ts'
import { installSdk, type TestTelemetry } from '../telemetry.ts'
import { doctor } from './command.ts'

/** The part of a Zipkin span that is read here. */
interface ZipkinSpan {
  readonly traceId: string
  readonly id: string
  readonly parentId?: string
  readonly name: string
}

const [server] = servers
const folder = mkdtempSync(path.join(import.meta.dirname, '.zipkin-'))
afterAll(() => {
  rmSync(folder, { recursive: true })
})

describe.skipIf(server!.missing)('what was exported to Zipkin', () => {
  let spans: ZipkinSpan[] = []
  const zipkin = http.createServer((request, response) => {
    void text(request).then((body) => {
      spans.push(...(JSON.parse(body) as ZipkinSpan[]))
      response.writeHead(202).end()
    })
  })
  const url = (): string => `http://127.0.0.1:${(zipkin.address() as AddressInfo).port}/api/v2/spans`
  let scratch: Scratch
  let telemetry: TestTelemetry
  beforeAll(async () => {
    zipkin.listen(0, '127.0.0.1')
    await once(zipkin, 'listening')
  })
  afterAll(() => zipkin.close())
  beforeEach(() => {
    spans = []
    telemetry = installSdk()
    scratch = redisScratch(server!.url)
  })
  afterEach(async () => {
    await scratch.close()
    await telemetry.uninstall()
  })

  for (const [sdk, Exporter] of [
    [sdk2, ZipkinExporter2],
    [sdk3, ZipkinExporter],
  ] as const) {
    /** Three entries from a shop to its billing, as OpenTelemetry's exporter writes them, in a file for the doctor. */
    async function exported(relation: Relation): Promise<string> {
      const exports: Promise<void>[] = []
      const exporters: { shutdown(): Promise<void> }[] = []
      const service = (serviceName: string) => {
        const exporter = new Exporter({ url: url(), serviceName })
        exporters.push(exporter)
        const onEnd = (span: object): void =>
          void exports.push(new Promise((done) => exporter.export([span as never], () => done())))
        const nothing = () => Promise.resolve()
        const processor = { onStart: () => undefined, onEnd, forceFlush: nothing, shutdown: nothing }
        return { tracerProvider: sdk.tracerProvider([processor], true) }
      }
      const stream = scratch.stream()
      const redis = traceProducer(scratch.ioredis(), service('shop'))
      const options = { stream, group: 'billing', relation, transitSpan: { minMs: 0 }, ...service('billing') }
      const handle = traceHandler((_entry: StreamEntry) => undefined, options)
      for (let i = 0; i < 3; i++)
        handle(await entryOf(scratch.bare, stream, await redis.xadd(stream, '*', 'n', i)))
      await Promise.all(exports)
      for (const exporter of exporters) await exporter.shutdown()
      const file = path.join(folder, `${relation}-${sdk.line}.json`)
      writeFileSync(file, JSON.stringify(spans))
      return file
    }
    const traces = (): Map<string, ZipkinSpan[]> => Map.groupBy(spans, ({ traceId }) => traceId)

    test(`agents-40: SDK ${sdk.line}, relation parent: each trace is complete, and the doctor finds nothing`, async () => {
      const file = await exported('parent')
      expect([...traces().values()].map((trace) => trace.length)).toEqual([3, 3, 3])
      for (const trace of traces().values()) {
        const [send] = trace.filter(({ name }) => name.startsWith('xadd'))
        const [transit, process] = ['transit', 'process'].map((operation) =>
          trace.find(({ name }) => name.startsWith(operation)),
        )
        expect(send?.parentId).toBeUndefined()
        expect([transit?.parentId, process?.parentId]).toEqual([send?.id, send?.id])
      }
      const { code, out } = await doctor('--format', 'json', '--fail-on', 'info', file)
      expect([code, (JSON.parse(out) as { findings: unknown[] }).findings]).toEqual([0, []])
    })

    test(`agents-40: SDK ${sdk.line}, relation link: two traces a message with nothing between; the doctor says so, and what to do`, async () => {
      const file = await exported('link')
      expect(traces().size).toBe(6)
      expect(JSON.stringify(spans)).not.toContain('links')
      const { code, out } = await doctor('--format', 'json', file)
      const { findings, limits } = JSON.parse(out) as {
        findings: { rule: string; level: string; count: number; message: string; fix: string }[]
        limits: string[]
      }
      expect(findings.map(({ rule, level, count }) => [rule, level, count])).toEqual([
        ['MQ-CONTEXT-LOST', 'info', 3],
      ])
      expect(findings[0]?.message).toContain('Zipkin has no links')
      expect(findings[0]?.fix).toContain("relation: 'parent'")
      expect(limits.join()).toContain('Zipkin has no links')
      expect(code).toBe(0)
      expect((await doctor('--fail-on', 'info', file)).code).toBe(1)
    })
  }

  test('agents-40: the documentation says it where the relation is chosen, and where the finding is explained', () => {
    for (const page of ['../../packages/core/README.md', '../../docs/troubleshooting.md']) {
      const lines = readFileSync(path.join(import.meta.dirname, page), 'utf8').split('\n')
      const said = lines.filter((line) => line.includes('Zipkin') && line.includes("'parent'"))
      expect(said, page).not.toEqual([])
    }
  })
})
