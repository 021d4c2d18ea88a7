import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { Queue } from 'bullmq'
import { build } from 'vite'
import { afterAll, describe, expect, inject, test } from 'vitest'
import type { WrittenSpan } from '../readme-telemetry.ts'

const broker = inject('brokers').redis
const url = 'url' in broker ? broker.url : ''
const example = path.resolve(import.meta.dirname, '../../examples/nestjs-bullmq')
// In the example's own folder, where Node.js finds its dependencies.
const folder = mkdtempSync(path.join(example, '.built-'))

describe.skipIf('missing' in broker)('NestJS', () => {
  afterAll(async () => {
    rmSync(folder, { recursive: true })
    const queue = new Queue('invoices', { connection: { url } })
    await queue.obliterate({ force: true })
    await queue.close()
  })

  test('bullmq-11: @nestjs/bullmq hands the telemetry on: a request, its jobs and its flow are one trace', async () => {
    await build({
      root: example,
      configFile: false,
      logLevel: 'error',
      build: { ssr: 'src/main.ts', outDir: folder, emptyOutDir: false, target: 'node22' },
    })
    const spansFile = path.join(folder, 'spans.json')
    const preload = path.join(import.meta.dirname, '../readme-telemetry.ts')
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--no-warnings', '--conditions=waybill-source', '--import', preload, path.join(folder, 'main.js')],
      { env: { ...process.env, REDIS_URL: url, SPANS_FILE: spansFile }, timeout: 25_000 },
    )
    expect(stdout.trim().split('\n')).toEqual(['invoice for 42', 'summary for all'])
    const { spans, open } = JSON.parse(readFileSync(spansFile, 'utf8')) as {
      spans: WrittenSpan[]
      open: string[]
    }
    expect(open).toEqual([])
    const count = (name: string): number => spans.filter((span) => span.name === name).length
    expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1)
    expect([
      count('add invoices'),
      count('addNode invoices'),
      count('process invoices'),
      count('write invoice'),
    ]).toEqual([1, 3, 4, 4])
    for (const work of spans.filter(({ name }) => name === 'write invoice'))
      expect(spans.find(({ spanId }) => spanId === work.parentSpanId)?.name).toBe('process invoices')
  })
})
