import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { SpanKind, SpanStatusCode } from '@opentelemetry/api'
import { AmqplibInstrumentation } from '@opentelemetry/instrumentation-amqplib'
import { traceConnection } from '@waybill/rabbitmq'
import type { RecordedSpan } from '@waybill/core/testing'
import type { ChannelModel, ConfirmChannel, ConsumeMessage } from 'amqplib'
import { afterEach, describe, expect, test } from 'vitest'
import {
  body,
  idOf,
  inSpan,
  isMissing,
  lengthOf,
  linksOf,
  parentOf,
  stage,
  tenant,
  traceIds,
  until,
  url,
  withTenant,
} from './stage.ts'

const require = createRequire(import.meta.url)
const PEER_VERSION = new AmqplibInstrumentation({ enabled: false }).instrumentationVersion
const README = path.resolve(import.meta.dirname, '../../packages/rabbitmq/README.md')

type Side = 'peer' | 'ours'
type Ask = (channel: ConfirmChannel, queue: string) => Promise<string>

describe.skipIf(isMissing)(`beside @opentelemetry/instrumentation-amqplib ${PEER_VERSION}`, () => {
  const on = stage()
  let instrumentation: AmqplibInstrumentation | undefined
  afterEach(() => {
    instrumentation?.disable()
  })

  const of = (kind: SpanKind): RecordedSpan[] =>
    on.telemetry.recorder.spans.filter((span) => span.kind === kind)
  const consumed = (count = 1): Promise<RecordedSpan[]> =>
    until(() => {
      expect(of(SpanKind.CONSUMER)).toHaveLength(count)
      return of(SpanKind.CONSUMER)
    })
  const acking = (channel: ConfirmChannel) => (message: ConsumeMessage | null) => channel.ack(message!)
  /** Not with frozen options, on which the instrumentation throws. */
  const put = (channel: ConfirmChannel, queue: string): Promise<void> => {
    channel.sendToQueue(queue, body())
    return channel.waitForConfirms()
  }
  const yes = (is: boolean): string => (is ? 'yes' : 'no')

  /** Questions, each answered by what the spans of one little run say. */
  const questions: Record<string, Ask> = {
    'the time in the queue (parked for 100 ms)': async (channel, queue) => {
      await put(channel, queue)
      await delay(100)
      await channel.consume(queue, acking(channel))
      await consumed()
      const waits = on.telemetry.recorder.spans.filter((span) => span.kind === SpanKind.INTERNAL)
      return waits.some((span) => lengthOf(span) >= 0.1 && lengthOf(span) < 0.2)
        ? 'span, attribute, metric'
        : 'none'
    },
    '`get` continues the trace': async (channel, queue) => {
      await put(channel, queue)
      const message = await channel.get(queue)
      channel.ack(message as never)
      const [sent] = of(SpanKind.PRODUCER)
      return yes(on.telemetry.recorder.spans.some((span) => span !== sent && parentOf(span) === idOf(sent)))
    },
    'a requeue is an error': async (channel, queue) => {
      await put(channel, queue)
      let deliveries = 0
      await channel.consume(queue, (message) => {
        if (++deliveries === 1) channel.nack(message!)
        else channel.ack(message!)
      })
      const [first] = await consumed(2)
      return yes(first?.status.code === SpanStatusCode.ERROR)
    },
    'the number of the attempt': async (channel, queue) => {
      await put(channel, queue)
      let deliveries = 0
      await channel.consume(queue, (message) => {
        if (++deliveries === 1) channel.nack(message!)
        else channel.ack(message!)
      })
      const [, second] = await consumed(2)
      return yes(
        Object.entries(second?.attributes ?? {}).some(
          ([name, value]) => name.endsWith('attempt') && value === 2,
        ),
      )
    },
    'the span of a handler without acks lasts as long as its promise': async (channel, queue) => {
      await on.scratch.consume(channel, queue, () => delay(30), { noAck: true })
      await put(channel, queue)
      const [span] = await consumed()
      return yes(lengthOf(span!) > 0.028)
    },
    "a handler's error is recorded": async (channel, queue) => {
      channel.on('handler-error', () => undefined)
      await channel.consume(queue, () => {
        throw new RangeError('no')
      })
      await put(channel, queue)
      await delay(50)
      await channel.close()
      const [span] = await consumed()
      return yes(span?.events.some(({ name }) => name === 'exception') ?? false)
    },
    'an unroutable mandatory message is an error': async (channel, queue) => {
      channel.sendToQueue(`${queue}-absent`, body(), { mandatory: true })
      await channel.waitForConfirms()
      return yes(of(SpanKind.PRODUCER)[0]?.status.code === SpanStatusCode.ERROR)
    },
    'publishing with frozen options': async (channel, queue) => {
      try {
        channel.sendToQueue(queue, body(), Object.freeze({ headers: Object.freeze({}) }))
        return 'works'
      } catch (error) {
        return `throws ${(error as Error).name}`
      }
    },
    'link mode: a new trace, linked, with the baggage': async (channel, queue) => {
      let seen: string | undefined
      await channel.consume(queue, (message) => {
        seen = tenant()
        channel.ack(message!)
      })
      await withTenant('acme', () => put(channel, queue))
      const [span] = await consumed()
      const [sent] = of(SpanKind.PRODUCER)
      const isLinked =
        linksOf(span).includes(idOf(sent)) && span?.spanContext().traceId !== sent?.spanContext().traceId
      return isLinked ? (seen === 'acme' ? 'yes' : 'baggage lost') : 'not linked'
    },
    'published while disconnected (amqp-connection-manager): traces that hold': async () => {
      const { connect } = require('amqp-connection-manager') as typeof import('amqp-connection-manager')
      const queue = await on.scratch.queue()
      const manager = connect(url)
      if (instrumentation === undefined) traceConnection(manager)
      const channel = manager.createChannel()
      const names = ['one', 'two', 'three']
      await Promise.all(names.map((name) => inSpan(name, () => channel.sendToQueue(queue, body()))))
      const callers = on.telemetry.recorder.spans.filter(({ name }) => names.includes(name))
      const sent = of(SpanKind.PRODUCER)
      await manager.close()
      const joined = [...traceIds(sent)].filter((id) => traceIds(callers).has(id))
      return `${joined.length} of ${sent.length}`
    },
  }

  async function ask(side: Side, question: Ask, links: boolean): Promise<string> {
    // The instrumentation patches what is required after it.
    for (const file of Object.keys(require.cache))
      if (/node_modules.amqp(lib|-conn)/.test(file)) delete require.cache[file]
    instrumentation = side === 'peer' ? new AmqplibInstrumentation({ useLinksForConsume: links }) : undefined
    const connection: ChannelModel = await (require('amqplib') as typeof import('amqplib')).connect(url)
    if (side === 'ours') traceConnection(connection, links ? { relation: 'link' } : {})
    const channel = await connection.createConfirmChannel()
    const answer = await question(channel, await on.scratch.queue())
    await connection.close()
    instrumentation?.disable()
    await on.restart({})
    return answer
  }

  test('the table in the README is what both do', async () => {
    const rows = [`| | instrumentation-amqplib ${PEER_VERSION} | @waybill/rabbitmq |`, '|---|---|---|']
    for (const [title, question] of Object.entries(questions)) {
      const links = title.startsWith('link mode')
      rows.push(
        `| ${title} | ${await ask('peer', question, links)} | ${await ask('ours', question, links)} |`,
      )
    }
    console.log(rows.join('\n'))
    expect(readFileSync(README, 'utf8')).toContain(rows.join('\n'))
  })
})
