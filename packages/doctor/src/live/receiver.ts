import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { gunzip, inflate } from 'node:zlib'
import { readDocument } from '../input/document.ts'
import { decodeRequest } from '../input/otlp-protobuf.ts'
import type { SpanSink } from '../input/raw-span.ts'

/** Exporters send far less at a time; a body without end must not fill the memory. */
const LARGEST_BODY = 64 << 20

export interface Receiver {
  /** What exporters take as endpoint: without `/v1/traces`. */
  readonly endpoint: string
  /** Resolves once nothing is on its way and nothing came for so long. */
  quiet(ms: number): Promise<void>
  /** Refuses what still comes and frees the port. */
  close(): Promise<void>
}

/** Takes spans by OTLP/HTTP, JSON or protobuf, on the loopback interface only. Metrics and logs are taken and dropped. */
export async function startReceiver(sink: SpanSink, port = 0): Promise<Receiver> {
  let inFlight = 0
  let last = performance.now()
  const server = http.createServer((request, response) => {
    inFlight++
    take(request, sink)
      .then(
        (answer) => response.writeHead(200, { 'content-type': answer.type }).end(answer.body),
        (error: unknown) =>
          response.writeHead(400, { 'content-type': 'text/plain' }).end((error as Error).message),
      )
      .finally(() => {
        inFlight--
        last = performance.now()
      })
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async quiet(ms) {
      for (let left = ms; left > 0 || inFlight > 0; left = ms - (performance.now() - last)) {
        await new Promise((resolve) => setTimeout(resolve, Math.max(10, left)))
      }
    },
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

interface Answer {
  readonly type: string
  readonly body: string
}

async function take(request: http.IncomingMessage, sink: SpanSink): Promise<Answer> {
  const body = await unpack(await bodyOf(request), request.headers['content-encoding'])
  const isJson = (request.headers['content-type'] ?? '').includes('json')
  const answer = isJson
    ? { type: 'application/json', body: '{}' }
    : { type: 'application/x-protobuf', body: '' }
  if (!(request.url ?? '').endsWith('/v1/traces')) return answer
  readDocument(isJson ? JSON.parse(body.toString('utf8')) : decodeRequest(body), sink)
  return answer
}

async function bodyOf(request: http.IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > LARGEST_BODY) throw new Error('the body is too large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

async function unpack(body: Buffer, encoding: string | undefined): Promise<Buffer> {
  const limit = { maxOutputLength: LARGEST_BODY }
  if (encoding === 'gzip') return promisify<Buffer, object, Buffer>(gunzip)(body, limit)
  if (encoding === 'deflate') return promisify<Buffer, object, Buffer>(inflate)(body, limit)
  return body
}
