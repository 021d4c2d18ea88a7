import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { bullmqTelemetry } from '@waybill/bullmq'
import { traceTree } from '@waybill/core/testing'
import { FlowProducer, Queue, Worker } from 'bullmq'
import { Cluster, Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { installSdk, type TestTelemetry } from '../telemetry.ts'
import { nothing } from './suite.ts'

const program = ['redis-server', 'valkey-server'].find((name) => spawnSync(name, ['--version']).status === 0)
// The official name, or the image that the scripts of this repository build where no registry answers.
const image = ['redis:8', 'local/redis:8'].find(
  (tag) => spawnSync('docker', ['image', 'inspect', tag]).status === 0,
)
const name = `waybill-cluster-${process.pid}`

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as net.AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

describe.skipIf(program === undefined && image === undefined)('a Redis Cluster', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'waybill-cluster-'))
  let server: ChildProcess
  let port: number
  let telemetry: TestTelemetry

  beforeAll(async () => {
    port = await freePort()
    const options =
      `--port ${port} --bind 127.0.0.1 --cluster-enabled yes --appendonly no --cluster-announce-ip 127.0.0.1`.split(
        ' ',
      )
    server =
      program === undefined
        ? spawn('docker', [
            'run',
            '--rm',
            '--name',
            name,
            '--network',
            'host',
            image!,
            'redis-server',
            ...options,
            '--save',
            '',
          ])
        : spawn(program, [...options, '--save', '', '--dir', folder])
    const redis = new Redis(port, '127.0.0.1', { retryStrategy: () => 50, maxRetriesPerRequest: null })
    redis.on('error', () => undefined)
    // One node that has all slots.
    await redis.cluster('ADDSLOTSRANGE' as never, 0 as never, 16_383 as never)
    await vi.waitFor(async () => expect(await redis.cluster('INFO')).toContain('cluster_state:ok'), {
      timeout: 10_000,
    })
    redis.disconnect()
    telemetry = installSdk()
  }, 30_000)
  afterAll(async () => {
    await telemetry?.uninstall()
    if (program === undefined) spawnSync('docker', ['rm', '-f', name])
    else server?.kill('SIGKILL')
    rmSync(folder, { recursive: true })
  })

  test('bullmq-1: with a hash-tagged prefix, adds, flows and their jobs are whole traces', async () => {
    const cluster = (): Cluster =>
      new Cluster([{ host: '127.0.0.1', port }], { redisOptions: { maxRetriesPerRequest: null } })
    const options = { prefix: '{billing}', telemetry: bullmqTelemetry({ transitSpan: { minMs: 0 } }) }
    const clients = [cluster(), cluster(), cluster()]
    const queue = new Queue('invoices', { ...options, connection: clients[0]! })
    const flows = new FlowProducer({ ...options, connection: clients[1]! })
    const worker = new Worker('invoices', nothing, { ...options, connection: clients[2]! })
    await queue.add('job', {}, { attempts: 2 })
    await flows.add({
      name: 'parent',
      queueName: 'invoices',
      children: [{ name: 'leaf', queueName: 'invoices' }],
    })
    const processes = await vi.waitFor(
      () => {
        const found = telemetry.recorder.spans.filter((span) => span.name === 'process invoices')
        expect(found).toHaveLength(3)
        return found
      },
      { timeout: 8000 },
    )
    await worker.close()
    await Promise.all([queue.close(), flows.close()])
    for (const client of clients) client.disconnect()
    expect(telemetry.recorder.open).toEqual([])
    expect(traceTree(telemetry.recorder.spans.filter(({ name: span }) => !span.startsWith('transit')))).toBe(
      [
        'add invoices',
        '  process invoices',
        'addFlow invoices',
        '  addNode invoices',
        '    addNode invoices',
        '      process invoices',
        '    process invoices',
      ].join('\n'),
    )
    const known = processes.map(({ attributes }) => attributes['waybill.transit.unknown'])
    expect(new Set(known)).toEqual(new Set([undefined, 'flow_parent']))
  })
})
