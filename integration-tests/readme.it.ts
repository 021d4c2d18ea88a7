import { execFile } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { SpanKind } from '@opentelemetry/api'
import { brokerNames } from '@waybill/brokers'
import { afterAll, describe, expect, inject, test } from 'vitest'
import type { WrittenSpan } from './readme-telemetry.ts'

const root = path.resolve(import.meta.dirname, '..')
const folder = mkdtempSync(path.join(import.meta.dirname, '.readme-'))
afterAll(() => {
  rmSync(folder, { recursive: true })
})

const brokers = inject('brokers')
const urlOf = (name: keyof typeof brokers): string => ('url' in brokers[name] ? brokers[name].url : '')
const environment = { REDIS_URL: urlOf('redis'), AMQP_URL: urlOf('rabbitmq'), KAFKA_BROKERS: urlOf('kafka') }
const allBrokers = brokerNames.every((name) => 'url' in brokers[name])

/** The root README shows single lines: what stands around them in an application is here. */
const surroundings: Record<string, { readonly before: string; readonly after: string }> = {
  '@waybill/bullmq': {
    before: `
      import { Queue, Worker } from 'bullmq'
      const connection = { url: process.env.REDIS_URL }
      const bill = async () => 'billed'`,
    after: `
      const job = await queue.add('invoice', { customer: 42 })
      await new Promise((resolve) => worker.once('completed', resolve))
      await worker.close(); await queue.obliterate({ force: true }); await queue.close()`,
  },
  '@waybill/rabbitmq': {
    before: `
      import amqplib from 'amqplib'
      const connection = await amqplib.connect(process.env.AMQP_URL)`,
    after: `
      const { queue } = await channel.assertQueue('', { exclusive: true })
      const handled = new Promise((resolve) => channel.consume(queue, (message) => { channel.ack(message); resolve() }))
      channel.sendToQueue(queue, Buffer.from('bill 42'))
      await handled; await channel.waitForConfirms(); await channel.close(); await connection.close()`,
  },
  '@waybill/kafka': {
    before: `
      import { Kafka, logLevel } from 'kafkajs'
      const kafka = new Kafka({ brokers: process.env.KAFKA_BROKERS.split(','), logLevel: logLevel.NOTHING })
      const topic = 'invoices-' + Math.random().toString(36).slice(2)
      const admin = kafka.admin(); await admin.connect(); await admin.createTopics({ topics: [{ topic }] })`,
    after: `
      await Promise.all([producer.connect(), consumer.connect()])
      await consumer.subscribe({ topic, fromBeginning: true })
      await producer.send({ topic, messages: [{ value: 'bill 42' }] })
      await new Promise((resolve) => consumer.run({ eachMessage: async () => resolve() }))
      await Promise.all([producer.disconnect(), consumer.disconnect()])
      await admin.deleteTopics({ topics: [topic] }); await admin.disconnect()`,
  },
  '@waybill/redis-streams': {
    before: `
      import { Redis } from 'ioredis'
      const bill = async () => 'billed'`,
    after: `
      const id = await redis.xadd('jobs', '*', 'task', 'bill')
      await handle((await redis.xrange('jobs', id, id))[0])
      await redis.del('jobs'); await redis.quit()`,
  },
}

function blocksOf(file: string, allowed: readonly string[] = ['ts', 'text']): string[] {
  const text = readFileSync(path.join(root, file), 'utf8')
  const languages = [...text.matchAll(/^```(\w*)/gm)]
    .map(([, language]) => language)
    .filter((_, i) => i % 2 === 0)
  // In a README only TypeScript and drawings: a shell block would be code that nobody runs.
  expect(
    languages.filter((language) => !allowed.includes(language ?? '')),
    `code blocks of ${file}`,
  ).toEqual([])
  return [...text.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(([, code]) => code ?? '')
}

interface Ran {
  readonly spans: WrittenSpan[]
  readonly open: string[]
  /** What went to the console as an error. */
  readonly output: string
}

async function run(code: string, name: string): Promise<Ran> {
  const file = path.join(folder, `${name}.ts`)
  const spansFile = path.join(folder, `${name}.json`)
  writeFileSync(file, code)
  const preload = path.join(import.meta.dirname, 'readme-telemetry.ts')
  const { stderr } = await promisify(execFile)(
    process.execPath,
    ['--no-warnings', '--conditions=waybill-source', '--import', preload, file],
    {
      env: { ...process.env, ...environment, SPANS_FILE: spansFile },
      timeout: 25_000,
    },
  )
  return { ...(JSON.parse(readFileSync(spansFile, 'utf8')) as Omit<Ran, 'output'>), output: stderr }
}

describe.skipIf(!allBrokers)('the code in the READMEs', () => {
  for (const file of ['README.md', ...globSync('packages/*/README.md', { cwd: root }).sort()]) {
    blocksOf(file).forEach((block, i) => {
      test(`${file}, block ${i + 1}: runs, and joins both sides in one trace`, async () => {
        const [, imported] = /from '(@waybill\/[\w-]+)'/.exec(block) ?? []
        const around = file === 'README.md' ? surroundings[imported ?? ''] : { before: '', after: '' }
        expect(around, `surroundings for ${imported}`).toBeDefined()
        const { spans, open } = await run(
          [around?.before, block, around?.after].join('\n'),
          `${path.dirname(file).replaceAll('/', '-')}-${i}`,
        )
        expect(open).toEqual([])
        const [out, into] =
          imported === '@waybill/mcp'
            ? [SpanKind.CLIENT, SpanKind.SERVER]
            : [SpanKind.PRODUCER, SpanKind.CONSUMER]
        const producers = spans.filter((span) => span.kind === out)
        const consumers = spans.filter((span) => span.kind === into)
        expect(producers.length).toBeGreaterThan(0)
        expect(consumers.length).toBeGreaterThan(0)
        for (const consumer of consumers)
          expect(producers.map((span) => span.spanId)).toContain(consumer.parentSpanId)
      })
    })
  }
})

describe('the code in the documentation', () => {
  for (const file of globSync('docs/*.md', { cwd: root }).sort()) {
    blocksOf(file, ['ts', 'text', 'sh', 'yaml']).forEach((block, i) => {
      test(`${file}, block ${i + 1}: runs, and leaves no orphan`, async () => {
        const { spans, open, output } = await run(block, `${path.basename(file, '.md')}-${i}`)
        // console.assert() does not throw.
        expect(output).not.toContain('Assertion failed')
        expect(open).toEqual([])
        const ids = spans.map((span) => span.spanId)
        for (const { parentSpanId } of spans)
          if (parentSpanId !== undefined) expect(ids).toContain(parentSpanId)
      })
    })
  }
})
