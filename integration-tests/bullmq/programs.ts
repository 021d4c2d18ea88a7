import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { build } from 'vite'
import { expect } from 'vitest'
import type { WrittenSpan } from '../readme-telemetry.ts'
import { redisUrl } from './suite.ts'

/** What a program has left: its spans and their operations, and what it wrote. */
export interface Ran {
  readonly spans: WrittenSpan[]
  readonly operations: Set<string>
  readonly out: string
  /** Warnings of `diag`, on stderr. */
  readonly said: string
}

/** Applications of BullMQ that a test runs in processes of their own. */
export interface Programs {
  /** Writes a module; gives its path. */
  write(name: string, ...lines: string[]): string
  /** Writes a module and bundles it, BullMQ and this package included, into one minified file; gives its path. */
  bundle(name: string, ...lines: string[]): Promise<string>
  /** Runs a file on the queue of this name, with an SDK whose spans are read afterwards, or with one of its own. */
  run(file: string, queue: string, options?: { readonly sdk: boolean }): Promise<Ran>
  remove(): void
}

export const preload: string = path.join(import.meta.dirname, '../readme-telemetry.ts')

/** Adds two jobs, one after the other, and works on each; with classes of the caller's, on its `telemetry`. */
export const twoJobs = `
  const connection = { url: process.env.REDIS_URL }
  async function main({ Queue, Worker }, options = {}, queueName = process.env.QUEUE) {
    const queue = new Queue(queueName, { connection, telemetry })
    await queue.add('job', {})
    const worker = new Worker(queueName, async () => undefined, { connection, telemetry, ...options })
    await new Promise((resolve) => worker.once('completed', resolve))
    await queue.add('another job', {})
    await new Promise((resolve) => worker.once('completed', resolve))
    await worker.close()
    await queue.close()
  }`

export function bullmqPrograms(): Programs {
  const folder = mkdtempSync(path.join(import.meta.dirname, '.bullmq-'))
  const write = (name: string, ...lines: string[]): string => {
    const file = path.join(folder, name)
    writeFileSync(file, lines.join('\n'))
    return file
  }
  return {
    write,
    async bundle(name, ...lines) {
      await build({
        logLevel: 'error',
        configFile: false,
        ssr: {
          noExternal: [/.*/],
          external: ['@opentelemetry/api', 'ioredis'],
          resolve: { conditions: ['waybill-source', 'node'] },
        },
        build: {
          ssr: write(`${name}.mjs`, ...lines),
          outDir: folder,
          emptyOutDir: false,
          target: 'node20',
          minify: true,
          rolldownOptions: { output: { entryFileNames: `${name}.bundle.mjs` } },
        },
      })
      return path.join(folder, `${name}.bundle.mjs`)
    },
    async run(file, queue, { sdk } = { sdk: true }) {
      const spansFile = path.join(folder, `${path.basename(file)}.json`)
      const { stdout, stderr } = await promisify(execFile)(
        process.execPath,
        ['--no-warnings', '--conditions=waybill-source', ...(sdk ? ['--import', preload] : []), file],
        {
          env: { ...process.env, REDIS_URL: redisUrl, QUEUE: queue, SPANS_FILE: spansFile, DIAG: '1' },
          timeout: 25_000,
        },
      )
      const { spans, open } = sdk
        ? (JSON.parse(readFileSync(spansFile, 'utf8')) as { spans: WrittenSpan[]; open: string[] })
        : { spans: [], open: [] }
      expect(open).toEqual([])
      const operations = new Set(spans.map(({ name }) => name.split(' ')[0] ?? ''))
      return { spans, operations, out: stdout.trim(), said: stderr }
    },
    remove() {
      rmSync(folder, { recursive: true })
    },
  }
}
