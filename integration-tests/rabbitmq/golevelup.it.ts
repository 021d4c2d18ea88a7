import 'reflect-metadata'
import { AmqpConnection, Nack } from '@golevelup/nestjs-rabbitmq'
import type { LoggerService } from '@nestjs/common'
import { trace } from '@opentelemetry/api'
import { traceConsumer, traceProducer } from '@waybill/rabbitmq'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  attempts,
  idOf,
  inSpan,
  isMissing,
  outcomes,
  parentOf,
  stage,
  traceIds,
  until,
  url,
} from './stage.ts'

const quiet: LoggerService = {
  log: () => undefined,
  error: () => undefined,
  warn: () => undefined,
  debug: () => undefined,
}

describe.skipIf(isMissing)('@golevelup/nestjs-rabbitmq', () => {
  const on = stage()
  let connection: AmqpConnection
  beforeEach(async () => {
    connection = new AmqpConnection({
      uri: url,
      connectionInitOptions: { wait: true },
      logger: quiet as never,
    })
    await connection.init()
    // The recipe of the README: where the connection is injected, before the handlers are registered.
    traceConsumer(traceProducer(connection.managedChannel))
  })
  afterEach(() => connection.close())

  test('publish and subscribe: one trace, once each; a Nack with requeue is the next attempt', async () => {
    const queue = await on.scratch.queue()
    const seen: unknown[] = []
    const handler = async (): Promise<Nack | undefined> => {
      seen.push(trace.getActiveSpan()?.spanContext().spanId)
      return seen.length === 1 ? new Nack(true) : undefined
    }
    await connection.createSubscriber(handler, { queue, createQueueIfNotExists: false }, 'paid')
    await inSpan('request', () => connection.publish('', queue, { order: 1 }))
    const consumed = await on.spans(`consume ${queue}`, 2)
    const [sent] = await on.spans(`publish ${queue}`)
    expect(consumed.map(parentOf)).toEqual([idOf(sent), idOf(sent)])
    expect(parentOf(sent)).toBe(idOf(on.named('request')[0]))
    expect(seen).toEqual(consumed.map(idOf))
    expect(outcomes(consumed)).toEqual(['requeue', 'ack'])
    expect(attempts(consumed)).toEqual([1, 2])
  })

  test('rabbitmq-36: request and reply: one trace, the caller in its own context', async () => {
    const queue = await on.scratch.queue()
    await connection.createRpc(async () => 'pong', {
      exchange: '',
      routingKey: queue,
      queue,
      createQueueIfNotExists: false,
    })
    const [reply, before, after] = await inSpan('request', async () => {
      const caller = idOf(trace.getActiveSpan() as never)
      const answer = await connection.request<string>({ exchange: '', routingKey: queue, payload: 'ping' })
      return [answer, caller, idOf(trace.getActiveSpan() as never)]
    })
    expect(reply).toBe('pong')
    expect(after).toBe(before)
    await on.spans(`consume ${queue}`)
    await on.spans('publish amq.rabbitmq.reply-to')
    await until(() => {
      expect(on.telemetry.recorder.open).toEqual([])
    })
    expect(traceIds(on.telemetry.recorder.spans).size).toBe(1)
  })
})
