// `npm test` after the preparations: every check, then the tests, then what failed and one line of numbers.
// usage: verify.ts [arguments for vitest: then only the tests run]
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { interruptCommands, run } from './command.ts'
import { step } from './step.mjs'
import { countTests, failureLines, readReport, summaryLine } from './test-report.ts'
import { root } from './toolchain.mjs'

interface Check {
  readonly title: string
  readonly command: readonly [string, ...string[]]
}

const build: Check = {
  title: 'Build, types, packages',
  command: ['turbo', 'run', 'build', 'typecheck', 'check:pkg', '--continue', '--output-logs=errors-only'],
}

/** Independent of each other; all but the build need its output at most. */
const checks: readonly Check[] = [
  { title: 'Lint', command: ['pnpm', 'run', 'lint'] },
  { title: 'Format', command: ['pnpm', 'run', 'format:check'] },
  { title: 'Unused code and dependencies', command: ['pnpm', 'run', 'unused'] },
  { title: 'Lockfile complete for every platform', command: ['node', 'scripts/check-lockfile.mjs'] },
  { title: 'Sizes within their budgets', command: ['node', 'scripts/check-size.mjs'] },
  { title: 'Packed tarballs in an empty project', command: ['node', 'scripts/check-tarballs.mjs'] },
]

// The whole process group gets the signal. Whatever runs now ends by itself, vitest after stopping its brokers.
let interrupted: NodeJS.Signals | undefined
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    interrupted = signal
    interruptCommands()
  })
}

const vitestArguments = process.argv.slice(2)
const failed: string[] = []
if (vitestArguments.length === 0) {
  await perform(build)
  for (const check of checks) await perform(check)
}
if (interrupted === undefined) {
  const { counts, failures, exitCode } = await runVitest(vitestArguments)
  for (const line of failures) console.log(line)
  if (failed.length > 0) console.log(`✖ Checks failed: ${failed.join(', ')}`)
  if (interrupted === undefined) console.log(summaryLine(counts))
  process.exitCode = failed.length > 0 ? 1 : exitCode
}
if (interrupted !== undefined) process.exitCode = 128 + os.constants.signals[interrupted]

async function perform({ title, command: [command, ...args] }: Check): Promise<void> {
  if (interrupted !== undefined) return
  try {
    await step(title, (log) => run(command, args, { log, cwd: root }))
  } catch {
    failed.push(title)
  }
}

async function runVitest(args: readonly string[]) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'waybill-vitest-'))
  const reportFile = path.join(folder, 'report.json')
  const nodeOptions = process.env['NODE_OPTIONS'] ?? ''
  try {
    const reporters = [
      '--reporter=default',
      '--reporter=./scripts/conformance-reporter.ts',
      '--reporter=json',
      `--outputFile.json=${reportFile}`,
    ]
    const vitest = spawn('vitest', ['run', ...reporters, ...args], {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      // kafkajs 2.2 arms timers with negative delays, of which newer Node.js versions warn in every process.
      env: { ...process.env, NODE_OPTIONS: `${nodeOptions} --disable-warning=TimeoutNegativeWarning` },
      shell: process.platform === 'win32',
    })
    const [code] = (await once(vitest, 'exit')) as [number | null]
    const exitCode = code ?? 1
    const report = readReport(reportFile)
    return { counts: countTests(report, exitCode), failures: failureLines(report), exitCode }
  } finally {
    fs.rmSync(folder, { recursive: true, force: true })
  }
}
