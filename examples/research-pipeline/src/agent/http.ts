// What OpenTelemetry's HTTP instrumentation does, by hand: over HTTP the trace holds together in both runs.
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { type Context, context, propagation, ROOT_CONTEXT, SpanKind } from '@opentelemetry/api'
import { step } from './step.ts'

type Handler = (body: unknown) => Promise<unknown>

export interface Endpoint {
  readonly url: string
  close(): Promise<void>
}

/** Answers `POST {path}` with what the handler of that path makes of the body, JSON on both ways. */
export async function serve(handlers: Readonly<Record<string, Handler>>): Promise<Endpoint> {
  const server = http.createServer((request, response) => {
    const handler = request.method === 'POST' ? handlers[request.url ?? ''] : undefined
    if (handler === undefined) {
      response.writeHead(404).end()
      return
    }
    const answered = step(
      `POST ${request.url}`,
      async () => {
        const answer = await handler(JSON.parse(await text(request)))
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer ?? null))
      },
      { kind: SpanKind.SERVER, parent: ofRequest(request) },
    )
    answered.catch((error: Error) => response.writeHead(500).end(error.message))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

/** The header in which whoever asks says to which of their sessions the request belongs. */
export const SESSION_HEADER = 'x-session-id'

/** Where a request comes in from outside, its session goes into baggage, once: from there on that is carried, not passed on. */
function ofRequest({ headers }: http.IncomingMessage): Context {
  const incoming = propagation.extract(ROOT_CONTEXT, headers)
  const session = headers[SESSION_HEADER]
  if (typeof session !== 'string') return incoming
  const baggage = propagation.getBaggage(incoming) ?? propagation.createBaggage()
  return propagation.setBaggage(incoming, baggage.setEntry('session.id', { value: session }))
}

export function post(url: string, body: unknown): Promise<void> {
  return step(
    `POST ${new URL(url).pathname}`,
    async () => {
      const headers: Record<string, string> = { 'content-type': 'application/json' }
      propagation.inject(context.active(), headers)
      const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
      if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`)
    },
    { kind: SpanKind.CLIENT },
  )
}
