import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Job, Sample } from './job.ts'
import type { PathJob } from './path.ts'

/** A client that waits for a message that never comes would wait for ever. */
const TIMEOUT_MS = 120_000
/** Five million messages take longer. */
const PATH_TIMEOUT_MS = 600_000

/**
 * Measures one sample in a fresh process, so that no variant runs in code compiled for another.
 *
 * @throws if the process fails or does not measure what it was told to
 */
export async function runSample(job: Job): Promise<Sample> {
  const what = `${job.broker}, ${job.variant}, ${job.mode}`
  return (await runFresh('sample.ts', job, what, TIMEOUT_MS)) as Sample
}

/**
 * The figure of one sample of a path, in a fresh process as well.
 *
 * @throws if the process fails
 */
export async function runPathSample(job: PathJob): Promise<number> {
  const answer = await runFresh('path-sample.ts', job, `${job.path}, ${job.variant}`, PATH_TIMEOUT_MS)
  return (answer as { figure: number }).figure
}

async function runFresh(file: string, job: object, what: string, timeout: number): Promise<unknown> {
  const entry = fileURLToPath(new URL(file, import.meta.url))
  const flags = ['--conditions=waybill-source', '--no-warnings', '--expose-gc']
  const child = spawn(process.execPath, [...flags, entry, JSON.stringify(job)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout,
    killSignal: 'SIGKILL',
  })
  let output = ''
  let errors = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text))
  const code = await new Promise<number | NodeJS.Signals | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (status, signal) => resolve(status ?? signal))
  })
  const line = output.split('\n').findLast((text) => text.startsWith('{'))
  if (code !== 0 || line === undefined)
    throw new Error(`Sample of ${what} failed (${code}): ${errors.trim() || output.trim()}`)
  return JSON.parse(line)
}
