import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import type { ExportTraceServiceRequest } from './otlp.ts'

export interface TraceReceiver {
  /** Where exporters send to. */
  readonly url: string
  /** All that has come so far, as it came. */
  readonly exports: readonly ExportTraceServiceRequest[]
  close(): Promise<void>
}

/** Takes traces by OTLP/HTTP with JSON bodies, on a free port of the loopback interface. */
export async function startReceiver(): Promise<TraceReceiver> {
  const exports: ExportTraceServiceRequest[] = []
  const server = http.createServer((request, response) => {
    json(request).then(
      (body) => {
        exports.push(body as ExportTraceServiceRequest)
        response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
      },
      () => response.writeHead(400).end(),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`,
    exports,
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
