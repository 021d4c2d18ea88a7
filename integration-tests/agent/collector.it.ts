import { spawn } from 'node:child_process'
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { buffer } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'

/** Made by collector-build.yaml: OTLP in and out, and the filter and transform processors of contrib. */
const program = process.env['OTELCOL']
const config = path.join(import.meta.dirname, '../../docs/collector/sensitive-content.yaml')

const time = { timeUnixNano: '1795600000000000000' }
const attributes = (values: Record<string, string | boolean>) =>
  Object.entries(values).map(([key, value]) => ({
    key,
    value: typeof value === 'string' ? { stringValue: value } : { boolValue: value },
  }))
const span = {
  traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
  spanId: '00f067aa0ba902b7',
  name: 'the-span-stays',
  kind: 1,
  startTimeUnixNano: time.timeUnixNano,
  endTimeUnixNano: time.timeUnixNano,
  attributes: attributes({
    'gen_ai.output.messages': 'answer-in-an-attribute',
    'gen_ai.request.model': 'the-model',
  }),
  events: [
    {
      ...time,
      name: 'secret-event',
      attributes: attributes({ sensitive: true, text: 'prompt-in-an-event' }),
    },
    { ...time, name: 'event-marked-by-text', attributes: attributes({ sensitive: 'true' }) },
    { ...time, name: 'harmless-event', attributes: attributes({ sensitive: false }) },
  ],
}
const logRecords = [
  { ...time, body: { stringValue: 'prompt-in-a-log' }, attributes: attributes({ sensitive: true }) },
  {
    ...time,
    body: { stringValue: 'harmless-log' },
    attributes: attributes({ 'input.value': 'input-of-a-log' }),
  },
]

describe.skipIf(program === undefined)(
  'a collector with our configuration (OTELCOL names its program)',
  () => {
    /** All that was sent on, as text: what protobuf writes of strings can be read. */
    const sent = { traces: '', logs: '' }
    const backend = http.createServer((request, response) => {
      void buffer(request).then((body) => {
        const plain = request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body
        sent[request.url === '/v1/logs' ? 'logs' : 'traces'] += plain.toString('latin1')
        response.end()
      })
    })
    const closing: (() => unknown)[] = [() => backend.close()]
    let url = ''
    beforeAll(async () => {
      const [forward, listen] = [await portOf(backend), await freePort()]
      url = `http://127.0.0.1:${listen}`
      const env = {
        ...process.env,
        OTLP_LISTEN: `127.0.0.1:${listen}`,
        OTLP_FORWARD: `http://127.0.0.1:${forward}`,
      }
      const collector = spawn(program ?? '', ['--config', config], { env, stdio: 'ignore' })
      closing.unshift(async () => {
        collector.kill()
        if (collector.exitCode === null) await once(collector, 'exit')
      })
      await vi.waitFor(() => post('/v1/traces', { resourceSpans: [] }), { timeout: 20_000, interval: 100 })
    })
    afterAll(async () => {
      for (const close of closing) await close()
    })

    async function post(to: string, body: object): Promise<void> {
      const headers = { 'content-type': 'application/json' }
      const { status } = await fetch(url + to, { method: 'POST', headers, body: JSON.stringify(body) })
      expect(status).toBe(200)
    }

    test('agents-33: the marked event goes, its span and the others stay, content in attributes goes', async () => {
      await post('/v1/traces', { resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] })
      await vi.waitFor(() => expect(sent.traces).toContain('the-span-stays'), { timeout: 5000 })
      for (const there of ['the-model', 'harmless-event', 'event-marked-by-text'])
        expect(sent.traces).toContain(there)
      for (const gone of ['secret-event', 'prompt-in-an-event', 'answer-in-an-attribute'])
        expect(sent.traces).not.toContain(gone)
    })

    test('agents-33: so do the marked log event, and content in attributes of others', async () => {
      await post('/v1/logs', { resourceLogs: [{ scopeLogs: [{ logRecords }] }] })
      await vi.waitFor(() => expect(sent.logs).toContain('harmless-log'), { timeout: 5000 })
      for (const gone of ['prompt-in-a-log', 'input-of-a-log']) expect(sent.logs).not.toContain(gone)
    })
  },
)

async function portOf(server: http.Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

async function freePort(): Promise<number> {
  const server = http.createServer()
  const port = await portOf(server)
  server.close()
  await once(server, 'close')
  return port
}
