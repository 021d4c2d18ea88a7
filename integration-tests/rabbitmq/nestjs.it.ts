import 'reflect-metadata'
import { ClientRMQ, ServerRMQ, type RmqOptions } from '@nestjs/microservices'
import { trace } from '@opentelemetry/api'
import { traceConnection } from '@waybill/rabbitmq'
import { firstValueFrom, of } from 'rxjs'
import { describe, expect, test } from 'vitest'
import { idOf, inSpan, isMissing, outcomes, parentOf, stage, traceIds, until, url } from './stage.ts'

type Options = NonNullable<RmqOptions['options']>

// The recipe of the README: both halves make their connection in a method that may be overridden.
class TracedServer extends ServerRMQ {
  override createClient<T>(): T {
    return traceConnection(super.createClient<ReturnType<ClientRMQ['createClient']>>()) as T
  }
}
class TracedClient extends ClientRMQ {
  override createClient(): ReturnType<ClientRMQ['createClient']> {
    return traceConnection(super.createClient())
  }
}

describe.skipIf(isMissing)('NestJS microservices', () => {
  const on = stage()

  test('an event and a request: one trace each, once each', async () => {
    const queue = await on.scratch.queue()
    const options: Options = {
      urls: [url],
      queue,
      noAck: false,
      noAssert: true,
      queueOptions: { durable: true },
    }
    const seen: unknown[] = []
    const server = new TracedServer(options)
    server.addHandler(
      'paid',
      async (
        _data: unknown,
        context: { getChannelRef(): { ack(m: unknown): void }; getMessage(): unknown },
      ) => {
        seen.push(trace.getActiveSpan()?.spanContext().spanId)
        context.getChannelRef().ack(context.getMessage())
        return of(undefined)
      },
      true,
    )
    server.addHandler(
      'sum',
      async (
        data: number[],
        context: { getChannelRef(): { ack(m: unknown): void }; getMessage(): unknown },
      ) => {
        context.getChannelRef().ack(context.getMessage())
        return of(data.reduce((sum, one) => sum + one, 0))
      },
    )
    await new Promise<void>((resolve, reject) => {
      void server.listen((error?: unknown) => {
        if (error === undefined || error === null) resolve()
        else reject(error as Error)
      })
    })
    const client = new TracedClient({ urls: [url], queue, noAssert: true, queueOptions: { durable: true } })
    await client.connect()

    await inSpan('event', () => firstValueFrom(client.emit('paid', { order: 1 })))
    const [consumed] = await on.spans(`consume ${queue}`)
    const [sent] = await on.spans(`publish ${queue}`)
    expect(parentOf(consumed)).toBe(idOf(sent))
    expect(parentOf(sent)).toBe(idOf(on.named('event')[0]))
    expect(seen).toEqual([idOf(consumed)])
    expect(outcomes([consumed!])).toEqual(['ack'])

    await on.restart({})
    expect(await inSpan('request', () => firstValueFrom(client.send('sum', [1, 2, 3])))).toBe(6)
    await on.spans(`publish ${queue}`)
    await on.spans('publish amq.rabbitmq.reply-to')
    await on.spans('consume amq.rabbitmq.reply-to')
    await on.spans(`consume ${queue}`)
    await until(() => {
      expect(on.telemetry.recorder.open).toEqual([])
    })
    expect(traceIds(on.telemetry.recorder.spans).size).toBe(1)
    await client.close()
    await server.close()
  })
})
