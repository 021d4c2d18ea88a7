import { SpanKind } from '@opentelemetry/api'
import { describe, expect, test } from 'vitest'
import { kafkajs, libraries } from './clients.ts'
import { brokerMissing, idOf, inRequest, linksOf, parentOf, workbench } from './workbench.ts'

const place = (span: { attributes: Record<string, unknown> } | undefined): unknown[] => [
  span?.attributes['messaging.destination.partition.id'],
  span?.attributes['kafka.offset'],
]

describe.skipIf(brokerMissing).each(libraries)('sending: $name', (library) => {
  const bench = workbench(library)

  test('kafka-22: one PRODUCER span a call, with the number of its messages', async () => {
    const topic = await bench.scratch.topic()
    const sender = await bench.producer()
    await sender.send({ topic, messages: ['a', 'b', 'c'].map((value) => ({ value })) })
    await sender.send({ topic, messages: [{ value: 'd' }] })
    const [three, one] = await bench.spans(`send ${topic}`, 2)
    expect([three?.kind, one?.kind]).toEqual([SpanKind.PRODUCER, SpanKind.PRODUCER])
    expect(three?.attributes).toMatchObject({
      'messaging.system.name': 'kafka',
      'messaging.operation.type': 'send',
      'messaging.destination.name': topic,
      'messaging.batch.message_count': 3,
    })
    expect(one?.attributes).not.toHaveProperty('messaging.batch.message_count')
    const [sent] = await bench.telemetry.series('messaging.client.sent.messages')
    expect(sent).toMatchObject({ value: 4, unit: '{message}' })
  })

  test('kafka-22: messageSpans: a create span for each message, and a CLIENT span that links them', async () => {
    const topic = await bench.scratch.topic()
    const sender = await bench.producer({ messageSpans: true, messageKeys: true })
    const messages = ['a', 'b', 'c'].map((value) => ({ key: `k-${value}`, value }))
    const { spanId } = await inRequest(() => sender.send({ topic, messages }))
    await bench.scratch.run(await bench.consumer(), topic, () => Promise.resolve())
    const processed = await bench.spans(`process ${topic}`, 3)
    const created = await bench.spans(`create ${topic}`, 3)
    const [call] = await bench.spans(`send ${topic}`, 1)
    expect(created.map(({ kind }) => kind)).toEqual(Array(3).fill(SpanKind.PRODUCER))
    expect(call?.kind).toBe(SpanKind.CLIENT)
    expect(linksOf(call)).toEqual(created.map(idOf))
    expect([...created, call].map(parentOf)).toEqual(Array(4).fill(spanId))
    expect(processed.map(parentOf)).toEqual(created.map(idOf))
    expect(created.map(({ attributes }) => attributes['kafka.message.key'])).toEqual(['k-a', 'k-b', 'k-c'])
    expect(call?.attributes['messaging.batch.message_count']).toBe(3)
    const transits = await bench.spans(`transit ${topic}`, 3)
    expect(transits.map(parentOf)).toEqual(created.map(idOf))
  })

  test('kafka-23: partition and offset of one message; the partition alone of several in one', async () => {
    const topic = await bench.scratch.topic()
    const sender = await bench.producer()
    await sender.send({ topic, messages: [{ value: 'a' }] })
    await sender.send({ topic, messages: [{ value: 'b' }] })
    await sender.send({ topic, messages: [{ value: 'c' }, { value: 'd' }] })
    const sent = await bench.spans(`send ${topic}`, 3)
    expect(sent.map(place)).toEqual([
      ['0', 0],
      ['0', 1],
      ['0', undefined],
    ])
  })

  test('kafka-23: neither, where a call went to several partitions', async () => {
    const topic = await bench.scratch.topic('CreateTime', 2)
    const sender = await bench.producer()
    await sender.send({ topic, messages: [0, 1].map((partition) => ({ value: 'x', partition })) })
    await sender.send({ topic, messages: [{ value: 'y', partition: 1 }] })
    expect((await bench.spans(`send ${topic}`, 2)).map(place)).toEqual([
      [undefined, undefined],
      ['1', 1],
    ])
  })

  test('kafka-7: sendBatch over two topics: a span for each around one call, none twice', async () => {
    const topics = [await bench.scratch.topic(), await bench.scratch.topic()]
    const topicMessages = topics.map((topic) => ({ topic, messages: [{ value: 'a' }, { value: 'b' }] }))
    const answer = await (await bench.producer()).sendBatch({ topicMessages })
    expect(answer).toHaveLength(2)
    for (const topic of topics) {
      const [span] = await bench.spans(`send ${topic}`, 1)
      expect(span?.attributes['messaging.batch.message_count']).toBe(2)
      expect(place(span)).toEqual(['0', undefined])
    }
  })

  test('kafka-7: a transaction is the object that the client makes, and its offsets go through', async () => {
    const topic = await bench.scratch.topic()
    const sender = await bench.producer({}, { transactionalId: `tx-${topic}` })
    await sender.send({ topic, messages: [{ value: 'input' }] }).catch(() => undefined)
    const reader = await bench.consumer({}, { autoCommit: false })
    await bench.scratch.run(reader, topic, {
      ...(library === kafkajs && { autoCommit: false }),
      eachMessage: () => Promise.resolve(),
    })
    const transaction = await sender.transaction()
    if (library !== kafkajs) expect(transaction).toBe(sender)
    await transaction.send({ topic, messages: [{ value: 'output' }] })
    const offsets = { topics: [{ topic, partitions: [{ partition: 0, offset: '1' }] }] }
    // Confluent's client takes the consumer itself: ours must still be one.
    await transaction.sendOffsets(
      library === kafkajs
        ? { consumerGroupId: bench.scratch.groupId, ...offsets }
        : ({ consumer: reader, ...offsets } as never),
    )
    await transaction.commit()
    const [committed] = await bench.scratch.admin.fetchOffsets({
      groupId: bench.scratch.groupId,
      topics: [topic],
    })
    expect(committed?.partitions[0]?.offset).toBe('1')
  })
})

describe.skipIf(brokerMissing)('sending: kafkajs alone', () => {
  const bench = workbench(kafkajs)

  test('kafka-23: none without an acknowledgement', async () => {
    const topic = await bench.scratch.topic()
    await (await bench.producer()).send({ topic, acks: 0, messages: [{ value: 'a' }] })
    expect((await bench.spans(`send ${topic}`, 1)).map(place)).toEqual([[undefined, undefined]])
  })

  test('kafka-35: what a transaction aborts gives no process span', async () => {
    const topic = await bench.scratch.topic()
    const sender = await bench.producer({ events: true }, { transactionalId: `tx-${topic}` })
    const aborted = await sender.transaction()
    await aborted.send({ topic, messages: [{ value: 'aborted' }] })
    await aborted.abort()
    const committed = await sender.transaction()
    await committed.send({ topic, messages: [{ value: 'one' }] })
    const { spanId } = await inRequest(() => committed.commit())
    await expect(committed.send({ topic, messages: [{ value: 'late' }] })).rejects.toThrow('Cannot continue')
    const values: string[] = []
    await bench.scratch.run(await bench.consumer(), topic, async ({ message }) => {
      values.push(String(message.value))
    })
    const [handled] = await bench.spans(`process ${topic}`, 1)
    const [, one, late] = await bench.spans(`send ${topic}`, 3)
    expect(values).toEqual(['one'])
    expect(parentOf(handled)).toBe(idOf(one))
    expect(late?.attributes['error.type']).toBe('KafkaJSNonRetriableError')
    // By option: a commit within a span of the application is an event of it, an abort outside of any a span.
    const request = bench.named('request').find((span) => idOf(span) === spanId)
    expect(request?.events.map(({ name }) => name)).toEqual(['kafka.transaction.commit'])
    await bench.spans('kafka.transaction.abort', 1)
  })
})
