import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, expect, test } from 'vitest'

const root = path.resolve(import.meta.dirname, '../..')
/** A program of the system would be found in spite of the PATH: there an address where nobody answers takes its place. */
const installed = {
  'redis-server': { REDIS_URL: 'redis://127.0.0.1:1' },
  'rabbitmq-server': { AMQP_URL: 'amqp://127.0.0.1:1' },
}
const hidden = Object.entries(installed)
  .filter(([program]) => ['/usr/bin', '/usr/sbin'].some((place) => existsSync(path.join(place, program))))
  .map(([, variable]) => variable)

/** A PATH with node and nothing else: no container engine, no broker. */
const folder = mkdtempSync(path.join(os.tmpdir(), 'waybill-demo-'))
afterAll(() => {
  rmSync(folder, { recursive: true })
})

test('bullmq-32: with no engine and no system broker, the demo runs its BullMQ part on PostgreSQL from npm, and says what is missing', async () => {
  symlinkSync(process.execPath, path.join(folder, 'node'))
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--conditions=waybill-source', 'examples/research-pipeline/src/main.ts'],
    {
      cwd: root,
      env: {
        HOME: folder,
        PATH: folder,
        DOCKER_HOST: 'tcp://127.0.0.1:1',
        KAFKA_HOME: '/nowhere',
        DEMO_OUTPUT: folder,
        ...(Object.assign({}, ...hidden) as object),
      },
      timeout: 60_000,
    },
  )
  expect(stdout).toMatch(/PostgreSQL \d+\.\d+, for BullMQ in the place of Redis/)
  expect(stdout).toContain('(Kafka, RabbitMQ, Redis missing)')
  for (const variable of ['REDIS_URL', 'AMQP_URL', 'KAFKA_BROKERS']) expect(stdout).toContain(variable)
  expect(stdout).toMatch(/sub-questions +BullMQ/)
  const summary = JSON.parse(readFileSync(path.join(folder, 'summary.json'), 'utf8')) as {
    before: object
    after: object
    agents: { name: string; depth: number; costSelf: number }[]
  }
  expect(summary).toMatchObject({
    before: { traces: 11, orphanRoots: 10 },
    after: { traces: 1, orphanRoots: 0, toolCalls: 3, joined: 3 },
  })
  expect(summary.agents.map(({ name, depth }) => [name, depth])).toEqual([
    ['orchestrator', 0],
    ['planner', 1],
    ['researcher', 2],
    ['aggregator', 3],
  ])
}, 70_000)
