import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { traceProducer } from '@waybill/redis-streams'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { installSdk, type TestTelemetry } from '../telemetry.ts'
import { until } from './consuming.ts'
import { redisScratch, servers, type Scratch } from './scratch.ts'

const ENTRIES = 40
const GROUP = 'crash'
const PROGRAM = path.join(import.meta.dirname, 'child/consumer.ts')

interface Begun {
  readonly id: string
  readonly n: string
  readonly attempt: number
  readonly traceId: string
  readonly name: string
}

describe.each(servers)('$title', ({ url, missing }) => {
  describe.skipIf(missing)('a consumer killed mid-batch', () => {
    let telemetry: TestTelemetry
    let scratch: Scratch
    const children: ChildProcess[] = []
    beforeEach(() => {
      telemetry = installSdk()
      scratch = redisScratch(url)
    })
    afterEach(async () => {
      for (const child of children)
        if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
      await scratch.close()
      await telemetry.uninstall()
    })

    test('redis-streams-5, redis-streams-6: SIGKILL twice: all handled, attempts right, same traces, dead letters after 3 deliveries', async () => {
      const stream = scratch.stream()
      for (const name of ['begun', 'done', 'dead']) scratch.stream(`${stream}:${name}`)
      const redis = traceProducer(scratch.ioredis())
      const traces = new Map<string, string>()
      for (let n = 0; n < ENTRIES; n++) {
        await redis.xadd(stream, '*', 'n', String(n), 'kind', n % 8 === 0 ? 'poison' : 'plain')
        traces.set(String(n), telemetry.recorder.spans.at(-1)?.spanContext().traceId ?? '')
      }
      const begun = async (): Promise<Begun[]> =>
        (await scratch.bare.lrange(`${stream}:begun`, 0, -1)).map((line) => JSON.parse(line) as Begun)
      const start = (name: string): ChildProcess => {
        const flags = ['--no-warnings', '--conditions=waybill-source']
        const child = spawn(process.execPath, [...flags, PROGRAM, url, stream, GROUP, name], {
          stdio: ['ignore', 'ignore', 'inherit'],
        })
        children.push(child)
        return child
      }
      const killedAfter = async (name: string, handlers: number): Promise<void> => {
        const child = start(name)
        await until(async () => {
          expect((await begun()).filter((one) => one.name === name).length).toBeGreaterThanOrEqual(handlers)
        }, 8000)
        child.kill('SIGKILL')
        await once(child, 'exit')
        // Handlers of it were running, and entries of the batch waited for theirs.
        expect(((await scratch.bare.xpending(stream, GROUP)) as [number])[0]).toBeGreaterThan(0)
      }
      await killedAfter('c1', 6)
      await killedAfter('c2', 6)
      const survivor = start('c3')
      await until(async () => {
        const [pending, , , perConsumer] = (await scratch.bare.xpending(stream, GROUP)) as [
          number,
          unknown,
          unknown,
          unknown,
        ]
        expect([pending, perConsumer]).toEqual([0, null])
        expect(new Set(await scratch.bare.lrange(`${stream}:done`, 0, -1)).size).toBe(ENTRIES - ENTRIES / 8)
      }, 8000)
      survivor.kill('SIGTERM')
      expect(await once(survivor, 'exit')).toEqual([0, null])

      const runs = Map.groupBy(await begun(), ({ n }) => n)
      expect(runs.size).toBe(ENTRIES)
      for (const [n, list] of runs) {
        const attempts = list.map(({ attempt }) => attempt)
        // Each delivery is a number of its own, although some ended before the handler or in the middle of it.
        expect(attempts).toEqual([...new Set(attempts)].toSorted((a, b) => a - b))
        expect(attempts.at(-1)).toBeLessThanOrEqual(3)
        expect(new Set(list.map(({ traceId }) => traceId))).toEqual(new Set([traces.get(n)]))
      }
      expect([...runs.values()].some((list) => list.length > 1 && list[0]?.name !== list.at(-1)?.name)).toBe(
        true,
      )

      const dead = (await scratch.bare.xrange(`${stream}:dead`, '-', '+')).map(([, fields]) => {
        const at = (name: string) => fields[fields.indexOf(name) + 1] as string
        return { n: at('n'), deliveries: at('dead_letter_deliveries'), trace: at('traceparent').slice(3, 35) }
      })
      expect(dead.map(({ n }) => Number(n)).toSorted((a, b) => a - b)).toEqual([0, 8, 16, 24, 32])
      for (const { n, deliveries, trace } of dead) {
        expect(deliveries).toBe('3')
        expect(trace).toBe(traces.get(n))
      }
    })
  })
})
