import {
  context,
  createContextKey,
  defaultTextMapGetter,
  ROOT_CONTEXT,
  type Context,
} from '@opentelemetry/api'
import { Queue, SpanKind, Worker, type Span, type Telemetry, type Tracer } from 'bullmq'
import type { Begun, ByHand } from '../by-hand.ts'
import { BODY, OPTIONS, uniqueName } from '../message.ts'
import type { OpenWorkload } from '../workload.ts'

const CONCURRENCY = 50

/** All jobs are added first, 50 at a time, and then processed: how often an idle worker asks is then no matter of timing. */
export const open: OpenWorkload = async (url, variant, calls) => {
  const telemetry = calls === undefined ? await telemetryOf(variant) : telemetryByHand(calls)
  const { hostname, port, username, password, pathname } = new URL(url)
  const connection = {
    host: hostname,
    port: Number(port || 6379),
    db: Number(pathname.slice(1) || 0),
    ...(username !== '' && { username: decodeURIComponent(username) }),
    ...(password !== '' && { password: decodeURIComponent(password) }),
    maxRetriesPerRequest: null,
  }
  const options = { connection, ...(telemetry && { telemetry }) }
  const name = uniqueName('bench-queue')
  const data = { body: BODY.toString() }
  const queue = new Queue(name, { ...options, defaultJobOptions: { removeOnComplete: true } })
  const worker = new Worker(name, async () => {}, { ...options, concurrency: CONCURRENCY, autorun: false })
  let left = 0
  let done: (() => void) | undefined
  worker.on('completed', () => {
    if (--left === 0) done?.()
  })
  worker.on('error', (error) => {
    throw error
  })
  await Promise.all([queue.waitUntilReady(), worker.waitUntilReady()])
  let running = false

  return {
    messagesPerSpan: 1,
    async run(messages) {
      if (running) await worker.pause()
      for (let i = 0; i < messages; i += CONCURRENCY) {
        await Promise.all(Array.from({ length: CONCURRENCY }, () => queue.add('job', data)))
      }
      left = messages
      const all = new Promise<void>((resolve) => {
        done = resolve
      })
      if (running) {
        await worker.resume()
      } else {
        running = true
        // Settles when the worker is closed.
        worker.run().catch((error: unknown) => {
          throw error
        })
      }
      await all
    },
    async close() {
      await worker.close()
      await queue.obliterate({ force: true })
      await queue.close()
    },
  }
}

async function telemetryOf(variant: string): Promise<Telemetry | undefined> {
  if (variant === 'peer') return new (await import('bullmq-otel')).BullMQOtel({ tracerName: 'bench' })
  return variant === 'ours' ? (await import('@waybill/bullmq')).bullmqTelemetry(OPTIONS) : undefined
}

/** What BullMQ's interface asks for, and no more. */
function telemetryByHand({ beginSend, beginHandle }: ByHand): Telemetry {
  const CARRIER = createContextKey('carrier')
  const quiet: Span = {
    setSpanOnContext: (current) => current,
    setAttribute() {},
    setAttributes() {},
    addEvent() {},
    recordException() {},
    end() {},
  }
  const startSpan: Tracer<Context>['startSpan'] = (_name, options, from) => {
    let begun: Begun | undefined
    const end = (): void => begun?.end()
    if (options?.kind === SpanKind.PRODUCER) {
      const setSpanOnContext = (): Context => {
        const sending = beginSend()
        begun = sending
        return sending.context.setValue(CARRIER, sending.carrier)
      }
      return { ...quiet, setSpanOnContext, end }
    }
    if (options?.kind !== SpanKind.CONSUMER) return quiet
    const setSpanOnContext = (): Context => {
      const carrier = (from?.getValue(CARRIER) ?? {}) as Record<string, string>
      begun = beginHandle(carrier, defaultTextMapGetter)
      return begun.context
    }
    return { ...quiet, setSpanOnContext, end }
  }
  return {
    tracer: { startSpan },
    contextManager: {
      with: (current, fn) => (current === context.active() ? fn() : context.with(current, fn)),
      active: () => context.active(),
      getMetadata: (current) => JSON.stringify(current.getValue(CARRIER) ?? {}),
      fromMetadata: (_current, metadata) => ROOT_CONTEXT.setValue(CARRIER, JSON.parse(metadata)),
    },
  }
}
