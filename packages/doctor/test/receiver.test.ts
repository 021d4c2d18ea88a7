import { createServer } from 'node:net'
import { once } from 'node:events'
import { gzipSync } from 'node:zlib'
import { BinaryWriter } from '@bufbuild/protobuf/wire'
import { describe, expect, test } from 'vitest'
import { runCommand } from '../src/command.ts'
import type { RawSpan } from '../src/input/raw-span.ts'
import { textOf } from '../src/input/shape.ts'
import { startReceiver } from '../src/live/receiver.ts'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const SPAN = '00f067aa0ba902b7'

/** A request with one span, its fields written one by one. */
function protobuf(service: string): Uint8Array {
  const pair = (key: string, write: (value: BinaryWriter) => BinaryWriter) => (writer: BinaryWriter) =>
    write(writer.tag(1, 2).string(key).tag(2, 2).fork()).join()
  const text = (key: string, value: string) => pair(key, (writer) => writer.tag(1, 2).string(value))
  const nested = (writer: BinaryWriter, field: number, fill: (inner: BinaryWriter) => BinaryWriter) =>
    fill(writer.tag(field, 2).fork()).join()
  const writer = new BinaryWriter()
  return nested(writer, 1, (resourceSpans) => {
    nested(resourceSpans, 1, (resource) => nested(resource, 1, text('service.name', service)))
    return nested(resourceSpans, 2, (scopeSpans) => {
      nested(scopeSpans, 1, (scope) => scope.tag(1, 2).string('app'))
      return nested(scopeSpans, 2, (span) => {
        span.tag(1, 2).bytes(Buffer.from(TRACE, 'hex')).tag(2, 2).bytes(Buffer.from(SPAN, 'hex'))
        span.tag(5, 2).string('process jobs').tag(6, 0).uint32(5)
        span.tag(7, 1).fixed64(1_795_600_000_123_456_789n).tag(8, 1).fixed64(1_795_600_000_223_456_789n)
        nested(
          span,
          9,
          pair('kafka.offset', (value) => value.tag(3, 0).int64(9_007_199_254_740_993n)),
        )
        nested(
          span,
          9,
          pair('share', (value) => value.tag(4, 1).double(0.5)),
        )
        nested(span, 13, (link) =>
          link.tag(1, 2).bytes(Buffer.from(TRACE, 'hex')).tag(2, 2).bytes(Buffer.from(SPAN, 'hex')),
        )
        // A field of some later version.
        span.tag(99, 2).string('unknown')
        return span.tag(16, 5).fixed32(0x301)
      })
    })
  }).finish()
}

const json = (service: string): string =>
  JSON.stringify({
    resourceSpans: [
      {
        resource: { attributes: [{ key: 'service.name', value: { stringValue: service } }] },
        scopeSpans: [
          {
            spans: [
              {
                traceId: TRACE,
                spanId: SPAN,
                name: 'x',
                kind: 1,
                startTimeUnixNano: '1795600000000000000',
                endTimeUnixNano: '1795600001000000000',
              },
            ],
          },
        ],
      },
    ],
  })

describe('doctor-29: the receiver', () => {
  test('takes protobuf and JSON, plain and gzip, from several services at once, and frees its port', async () => {
    const spans: RawSpan[] = []
    const receiver = await startReceiver((span) => spans.push(span))
    const post = (body: string | Uint8Array, type: string, encoding?: string) =>
      fetch(`${receiver.endpoint}/v1/traces`, {
        method: 'POST',
        body: typeof body === 'string' ? body : new Uint8Array(body),
        headers: { 'content-type': type, ...(encoding !== undefined && { 'content-encoding': encoding }) },
      })
    const answers = await Promise.all([
      post(protobuf('one'), 'application/x-protobuf'),
      post(gzipSync(protobuf('two')), 'application/x-protobuf', 'gzip'),
      post(json('three'), 'application/json'),
      post(gzipSync(json('four')), 'application/json', 'gzip'),
    ])
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200])
    expect((await post('{', 'application/json')).status).toBe(400)
    expect((await post(Buffer.from([0x0a, 0xff, 0xff]), 'application/x-protobuf')).status).toBe(400)
    await receiver.quiet(1)
    expect(spans.map(({ resource }) => textOf(resource['service.name'])).sort()).toEqual([
      'four',
      'one',
      'three',
      'two',
    ])
    const decoded = spans.find(({ resource }) => resource['service.name'] === 'one')
    expect(decoded).toMatchObject({
      traceId: TRACE,
      spanId: SPAN,
      kind: 'CONSUMER',
      start: 1_795_600_000_123_456,
      end: 1_795_600_000_223_456,
      flags: 0x301,
      scope: 'app',
      attributes: { 'kafka.offset': '9007199254740993', share: 0.5 },
      links: [{ traceId: TRACE, spanId: SPAN }],
    })
    const port = Number(new URL(receiver.endpoint).port)
    await receiver.close()
    const again = createServer().listen(port, '127.0.0.1')
    await once(again, 'listening')
    again.close()
  })
})

describe('doctor-29: listen', () => {
  async function listen(
    script: string,
    env: NodeJS.ProcessEnv = {},
  ): Promise<{ code: number; out: string; err: string }> {
    let [out, err] = ['', '']
    const code = await runCommand(['listen', '--quiet-ms', '20', '--', process.execPath, '-e', script], {
      out: { write: (text) => (out += text) },
      err: { write: (text) => (err += text) },
      env: { PATH: process.env['PATH'], ...env },
    })
    return { code, out, err }
  }
  const sending = (then: string): string =>
    `fetch(process.env.OTEL_EXPORTER_OTLP_ENDPOINT + '/v1/traces', { method: 'POST', headers: { 'content-type': 'application/json' }, body: ${JSON.stringify(json('child'))} }).then(() => { ${then} })`

  test("a command's spans are diagnosed and counted by service", async () => {
    const { code, out, err } = await listen(sending(''))
    expect(code).toBe(0)
    expect(err).toContain('received 1 spans of child')
    expect(out).toContain('1 spans · 1 traces')
  })

  test("doctor-24: the command's own code wins; a command that sent nothing is exit 2", async () => {
    expect((await listen(sending('process.exit(7)'))).code).toBe(7)
    const silent = await listen('')
    expect(silent.code).toBe(2)
    expect(silent.out).not.toContain('no findings')
  })

  test('a killed command is told, since it has flushed nothing', async () => {
    const { code, err } = await listen("process.kill(process.pid, 'SIGKILL')")
    expect(code).toBe(137)
    expect(err).toContain('SIGKILL')
    expect(err).toContain('had not flushed')
  })

  test('doctor-40: the endpoint is on the loopback interface, whatever the surroundings say', async () => {
    const elsewhere = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://example.org/v1/traces' }
    const { err } = await listen(
      `if (!/^http:\\/\\/127\\.0\\.0\\.1:\\d+\\/v1\\/traces$/.test(process.env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT)) process.exit(9); ${sending('')}`,
      elsewhere,
    )
    expect(err).toContain('received 1 spans')
  })
})
