import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Job, Sample } from './job.ts'

const ENTRY = fileURLToPath(new URL('sample.ts', import.meta.url))
/** A client that waits for a message that never comes would wait for ever. */
const TIMEOUT_MS = 120_000

/**
 * Measures one sample in a fresh process, so that no variant runs in code compiled for another.
 *
 * @throws if the process fails or does not measure what it was told to
 */
export async function runSample(job: Job): Promise<Sample> {
  const flags = ['--conditions=waybill-source', '--no-warnings', '--expose-gc']
  const child = spawn(process.execPath, [...flags, ENTRY, JSON.stringify(job)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: TIMEOUT_MS,
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
  if (code !== 0 || line === undefined) {
    const { broker, variant, mode } = job
    throw new Error(
      `Sample of ${broker}, ${variant}, ${mode} failed (${code}): ${errors.trim() || output.trim()}`,
    )
  }
  return JSON.parse(line) as Sample
}
