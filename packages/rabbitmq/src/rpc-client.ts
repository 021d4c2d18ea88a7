import { randomUUID } from 'node:crypto'
import { context as contextApi } from '@opentelemetry/api'
import {
  beginSend,
  createTelemetry,
  settle,
  type Telemetry,
  type TelemetryOptions,
} from '@waybill/core/adapter'
import { assertChannel, serverOf } from './channel.ts'
import { traceConsumer } from './consumer.ts'
import { traceProducer } from './producer.ts'
import { outgoingOf } from './publishing.ts'
import type { ConsumingChannel, Delivered, PublishingChannel } from './types.ts'
import { VERSION } from './version.ts'

const SCOPE = {
  packageName: '@waybill/rabbitmq',
  functionName: 'rpcClient',
  version: VERSION,
  system: 'rabbitmq',
} as const

const REPLY_TO = 'amq.rabbitmq.reply-to'

/** What `rpcClient` takes beside the options of every adapter. */
export interface RpcOptions extends TelemetryOptions {
  /** Ms to wait for a reply. Default 30,000. */
  readonly timeoutMs?: number
}

/** A reply as amqplib delivers it. */
export type Reply = Delivered & { readonly content: Buffer }

/** Asks questions over one channel; any number may be open at once. */
export interface RpcClient {
  /**
   * Sends a request to a queue and settles with the reply.
   *
   * @param properties of the request, as for `sendToQueue`; correlation id and reply address are set here
   * @throws Error if no such queue takes it, if no reply comes in time, or if the channel closes first
   */
  call(queue: string, content: Buffer, properties?: object): Promise<Reply>
}

interface Channel {
  sendToQueue(queue: string, content: Buffer, options: object): unknown
  consume(queue: string, onMessage: (message: Reply | null) => void, options: object): Promise<unknown>
  on(event: string, listener: (argument: never) => void): unknown
}

interface Question {
  resolve(reply: Reply): void
  reject(error: Error): void
}

/**
 * Request and reply over RabbitMQ's direct reply-to, in one trace: a CLIENT span `call {queue}` for the round trip, beneath it
 * the request and its wait, the work of whoever answers, the reply and its wait. The caller goes on in its own context.
 * Traces the channel on both sides. The server needs nothing but a traced channel: it publishes to the message's `replyTo`.
 *
 * @param channel of amqplib's promise API, a plain one: replies come only to the channel that asked
 * @throws WaybillTypeError if `channel` is no amqplib channel, or on a bad option
 * @example
 * const rpc = await rpcClient(await connection.createChannel())
 * const reply = await rpc.call('prices', Buffer.from('book'))
 */
export async function rpcClient<C extends PublishingChannel & ConsumingChannel>(
  channel: C,
  options: RpcOptions = {},
): Promise<RpcClient> {
  const { timeoutMs = 30_000, ...others } = options
  const telemetry = createTelemetry(SCOPE, options, { timeoutMs: isDuration })
  assertChannel(SCOPE, channel, ['sendToQueue', 'consume', 'on'])
  traceConsumer(traceProducer(channel, others), others)
  const asking = channel as unknown as Channel
  const open = new Map<string, Question>()
  const answer = (id: unknown): Question | undefined => {
    const question = open.get(String(id))
    open.delete(String(id))
    return question
  }
  await asking.consume(
    REPLY_TO,
    (reply) => {
      if (reply !== null) answer(reply.properties.correlationId)?.resolve(reply)
    },
    { noAck: true },
  )
  asking.on('return', ({ fields, properties }: { fields: { replyText: string } } & Delivered) => {
    answer(properties.correlationId)?.reject(new Error(`the request was returned: ${fields.replyText}`))
  })
  asking.on('close', () => {
    for (const id of open.keys()) answer(id)?.reject(new Error('channel closed'))
  })

  const ask = (queue: string, content: Buffer, properties: object, id: string): Promise<Reply> => {
    const { promise, resolve, reject } = withResolvers<Reply>()
    const timer = setTimeout(() => {
      answer(id)?.reject(new Error(`no reply from ${queue} within ${timeoutMs} ms`))
    }, timeoutMs)
    open.set(id, { resolve, reject })
    try {
      const request = { ...properties, correlationId: id, replyTo: REPLY_TO, mandatory: true }
      asking.sendToQueue(queue, content, request)
    } catch (error) {
      answer(id)?.reject(error as Error)
    }
    return promise.finally(() => {
      clearTimeout(timer)
    })
  }
  const server = serverOf(channel)
  return {
    call(queue, content, properties = {}) {
      const id = randomUUID()
      return roundTrip(telemetry, queue, id, server, () => ask(queue, content, properties, id))
    },
  }
}

/** The span of the whole round trip; the request has a PRODUCER span of its own beneath it, and is counted there. */
function roundTrip<T>(
  telemetry: Telemetry,
  queue: string,
  correlationId: string,
  server: Record<string, string | number>,
  run: () => Promise<T>,
): Promise<T> {
  const outgoing = outgoingOf('', queue, { correlationId }, server)
  const sending = beginSend(telemetry, { ...outgoing, operation: 'call', createSpans: true })
  if (sending === undefined) return run()
  return settle(
    () => contextApi.with(sending.context, run),
    (failure) => {
      sending.end({ failure, sent: false })
    },
  )
}

function isDuration(value: unknown): string | undefined {
  return typeof value === 'number' && value > 0 && value <= 2 ** 31 - 1 ? undefined : 'a number of ms above 0'
}

/** `Promise.withResolvers`, which Node.js 20 lacks. */
function withResolvers<T>(): {
  readonly promise: Promise<T>
  readonly resolve: (value: T) => void
  readonly reject: (error: Error) => void
} {
  let resolve!: (value: T) => void
  let reject!: (error: Error) => void
  const promise = new Promise<T>((whenResolved, whenRejected) => {
    resolve = whenResolved
    reject = whenRejected
  })
  return { promise, resolve, reject }
}
