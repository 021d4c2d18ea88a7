import { expect, test, vi } from 'vitest'
import { createConsumer, type ConsumerOptions } from '../src/index.ts'

type Reply = (...args: string[]) => unknown

/** An ioredis client that answers as it is told to, and is its own duplicate. */
function fakeClient(replies: Readonly<Record<string, Reply>>) {
  const sent: string[][] = []
  const call = async (...args: string[]): Promise<unknown> => {
    sent.push(args)
    return replies[String(args[0])]?.(...args)
  }
  const client = { call, callBuffer: call, on: () => client, duplicate: () => client, disconnect: vi.fn() }
  return { client, sent, of: (name: string) => sent.filter(([first]) => first === name) }
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms))
const nothing = (): Promise<null> => wait(5).then(() => null)

function start(client: object, more: Partial<ConsumerOptions> = {}) {
  return createConsumer({
    client,
    streams: ['s'],
    group: 'g',
    consumer: 'c',
    claim: { minIdleMs: 1000, everyMs: 1000 },
    handler: () => undefined,
    ...more,
  })
}

test('what is being claimed while it stops is handled before it has stopped', async () => {
  let claimed: (reply: unknown) => void = () => undefined
  const fake = fakeClient({
    XREADGROUP: nothing,
    XPENDING: () => [['1-0', 'dead', 5000, 1]],
    XAUTOCLAIM: () => new Promise((resolve) => (claimed = resolve)),
  })
  const seen: [string, number][] = []
  const consumer = start(fake.client, { handler: ({ id, attempt }) => void seen.push([id, attempt]) })
  await vi.waitFor(() => {
    expect(fake.of('XAUTOCLAIM')).toHaveLength(1)
  })
  const stopped = consumer.stop()
  await wait(20)
  claimed(['0-0', [['1-0', ['a', '1']]], []])
  expect(await stopped).toEqual({ unfinished: 0 })
  expect(seen).toEqual([['1-0', 2]])
  expect(fake.of('XACK')).toEqual([['XACK', 's', 'g', '1-0']])
  expect(fake.client.disconnect).toHaveBeenCalled()
})

test('a server that does not answer any more: stop() comes to an end all the same', async () => {
  const fake = fakeClient({
    XREADGROUP: () =>
      fake.of('XREADGROUP').length === 1 ? ['s', [['1-0', ['a', '1']], ['2-0', ['a', '2']]]] : new Promise(() => undefined), // prettier-ignore
    XCLAIM: () => new Promise(() => undefined),
    XPENDING: () => [],
  })
  const consumer = start(fake.client, {
    concurrency: 1,
    count: 2,
    handler: () => new Promise(() => undefined),
  })
  await vi.waitFor(() => {
    expect(fake.of('XREADGROUP')).toHaveLength(1)
  })
  await wait(20)
  const since = performance.now()
  expect(await consumer.stop({ deadlineMs: 30 })).toEqual({ unfinished: 1 })
  expect(performance.now() - since).toBeLessThan(2500)
  // Beside the heartbeat of the handler that runs.
  const released = ['XCLAIM', 's', 'g', 'c', '0', '2-0', 'IDLE', '1000', 'RETRYCOUNT', '0', 'JUSTID']
  expect(fake.of('XCLAIM')).toContainEqual(released)
})

test('CLAIM is asked for once, and left out where the server does not know it', async () => {
  const fake = fakeClient({
    XREADGROUP: (...args) => {
      if (args.includes('CLAIM')) throw new Error('ERR syntax error')
      return nothing()
    },
    XPENDING: () => [],
  })
  const errors: unknown[] = []
  const consumer = start(fake.client)
  consumer.on('error', (event) => errors.push(event))
  await vi.waitFor(() => {
    expect(fake.of('XREADGROUP').length).toBeGreaterThan(2)
  })
  await consumer.stop()
  expect(
    fake
      .of('XREADGROUP')
      .map((args) => args.includes('CLAIM'))
      .slice(0, 3),
  ).toEqual([true, false, false])
  expect(errors).toEqual([])
})

test('an acknowledgement that fails is tried again, and its entry is not handled twice', async () => {
  const fake = fakeClient({
    XREADGROUP: () => (fake.of('XREADGROUP').length === 1 ? ['s', [['1-0', ['a', '1'], 0, 0]]] : nothing()),
    XPENDING: () => [],
    XACK: () => {
      if (fake.of('XACK').length === 1) throw new Error('connection lost')
      return 1
    },
  })
  const errors: string[] = []
  const seen: string[] = []
  const consumer = start(fake.client, { handler: ({ id }) => void seen.push(id) })
  consumer.on('error', ({ during }) => errors.push(during))
  await vi.waitFor(
    () => {
      expect(fake.of('XACK')).toHaveLength(2)
    },
    { timeout: 3000 },
  )
  await consumer.stop()
  expect(seen).toEqual(['1-0'])
  expect(errors).toEqual(['ack'])
})
