import { createServer, connect, type Socket } from 'node:net'
import { once } from 'node:events'
import { bindContext, runDetached } from '@waybill/core'
import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import type { ContextProbe } from '@waybill/core/testing'
import { asEach, redisUrl, settled, type Case } from './case.ts'

/** Clients of a server: what comes back over a connection that somebody else has opened. */
export const connectionCases: readonly Case[] = [
  {
    name: 'ioredis, awaited',
    needsRedis: true,
    verdict: 'right',
    scenario: (probe) =>
      withRedis(probe, (redis) =>
        asEach(probe, async (owner) => {
          await redis.ping()
          probe.mark(owner)
        }),
      ),
  },
  {
    name: 'ioredis, node callback',
    needsRedis: true,
    verdict: 'right',
    scenario: (probe) =>
      withRedis(probe, (redis) =>
        asEach(probe, async (owner) => {
          const { promise, resolve } = settled()
          void redis.ping(() => resolve(probe.mark(owner)))
          await promise
        }),
      ),
  },
  {
    name: 'ioredis, callback of a pipeline',
    needsRedis: true,
    verdict: 'right',
    scenario: (probe) =>
      withRedis(probe, (redis) =>
        asEach(probe, async (owner) => {
          const { promise, resolve } = settled()
          void redis
            .pipeline()
            .ping()
            .exec(() => resolve(probe.mark(owner)))
          await promise
        }),
      ),
  },
  {
    name: 'a pooled socket with a promise API',
    verdict: 'right',
    scenario: (probe) =>
      withEcho(probe, (ask) =>
        asEach(probe, async (owner) => {
          await new Promise<void>((done) => ask(() => done()))
          probe.mark(owner)
        }),
      ),
  },
  {
    name: 'a pooled socket with a callback API',
    verdict: 'wrong',
    scenario: (probe) =>
      withEcho(probe, (ask) =>
        asEach(probe, async (owner) => {
          const { promise, resolve } = settled()
          ask(() => resolve(probe.mark(owner)))
          await promise
        }),
      ),
    mended: {
      by: 'bindContext',
      scenario: (probe) =>
        withEcho(probe, (ask) =>
          asEach(probe, async (owner) => {
            const { promise, resolve } = settled()
            ask(bindContext(() => resolve(probe.mark(owner))))
            await promise
          }),
        ),
    },
  },
  {
    name: 'a poll loop that was started inside a span',
    verdict: 'wrong',
    scenario: (probe) => pollLoop(probe, (start) => start()),
    mended: { by: 'runDetached', scenario: (probe) => pollLoop(probe, runDetached) },
  },
  {
    name: 'an XREAD BLOCK loop that was started inside a span',
    needsRedis: true,
    verdict: 'wrong',
    scenario: (probe) => streamLoop(probe, (start) => start()),
    mended: { by: 'runDetached', scenario: (probe) => streamLoop(probe, runDetached) },
  },
  {
    name: "a subscriber's 'message' listener, subscribed inside a span",
    needsRedis: true,
    verdict: 'wrong',
    scenario: (probe) => subscription(probe, (start) => start()),
    mended: { by: 'runDetached', scenario: (probe) => subscription(probe, runDetached) },
  },
]

type Start = <T>(start: () => T) => T

/** A message carries its owner's context; a loop has none of its own, so anything that is active there is a leak. */
const NOBODY = 'nobody'

async function withRedis(probe: ContextProbe, use: (redis: Redis) => Promise<unknown>): Promise<void> {
  const redis = probe.as('boot', () => new Redis(redisUrl))
  try {
    await use(redis)
  } finally {
    redis.disconnect()
  }
}

/** One connection for all, opened by the first who asks; answers come in order. */
async function withEcho(
  { as }: ContextProbe,
  use: (ask: (done: () => void) => void) => Promise<unknown>,
): Promise<void> {
  const server = createServer((peer) => peer.pipe(peer)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const waiting: (() => void)[] = []
  const socket = as('boot', (): Socket => {
    const opened = connect((server.address() as { port: number }).port, '127.0.0.1')
    return opened.on('data', (data) => {
      for (let i = 0; i < data.length; i++) waiting.shift()?.()
    })
  })
  try {
    await use((done) => {
      waiting.push(done)
      socket.write('.')
    })
  } finally {
    socket.destroy()
    server.close()
  }
}

async function pollLoop({ as, mark }: ContextProbe, start: Start): Promise<void> {
  const { promise, resolve } = settled()
  as('boot', () =>
    start(() => {
      const timer = setInterval(() => {
        mark(NOBODY)
        clearInterval(timer)
        resolve()
      }, 1)
    }),
  )
  await promise
}

async function streamLoop(probe: ContextProbe, start: Start): Promise<void> {
  const stream = `context-${randomUUID()}`
  await withRedis(probe, async (redis) => {
    const reader = redis.duplicate()
    const reading = probe.as('boot', () =>
      start(async () => {
        await reader.xread('BLOCK', 5000, 'STREAMS', stream, '0')
        probe.mark(NOBODY)
      }),
    )
    await probe.as('A', () => redis.xadd(stream, '*', 'field', 'value'))
    await reading
    reader.disconnect()
    await redis.del(stream)
  })
}

async function subscription(probe: ContextProbe, start: Start): Promise<void> {
  const channel = `context-${randomUUID()}`
  await withRedis(probe, async (redis) => {
    const { promise, resolve } = settled()
    const subscriber = await probe.as('boot', () =>
      start(async () => {
        const connection = redis.duplicate()
        connection.on('message', () => resolve(probe.mark(NOBODY)))
        await connection.subscribe(channel)
        return connection
      }),
    )
    await probe.as('A', () => redis.publish(channel, 'message'))
    await promise
    subscriber.disconnect()
  })
}
