import fs from 'node:fs'
import path from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { root } from './toolchain.mjs'

/** Enough for an assertion with its difference and the place in the test. */
const MESSAGE_LINES = 15

/** A line of a stack that is nobody's code here: the runner's, a dependency's or Node's own. */
const FOREIGN_FRAME = /^\s+at .*(?:node_modules|<anonymous>|node:)/

export interface TestCounts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/** What is read of vitest's JSON report. */
export interface VitestReport {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly numTodoTests: number
  readonly testResults: readonly FileResult[]
}

interface FileResult {
  readonly name: string
  readonly status: string
  readonly message: string
  readonly assertionResults: readonly {
    readonly status: string
    readonly fullName: string
    readonly failureMessages: readonly string[]
  }[]
}

/** `undefined` if vitest came to no report. */
export function readReport(file: string): VitestReport | undefined {
  return fs.existsSync(file) ? (JSON.parse(fs.readFileSync(file, 'utf8')) as VitestReport) : undefined
}

/**
 * A file that cannot even be loaded counts as one failure, and so does a run that failed
 * without a failed test (no report, an unhandled rejection): "0 failed" must mean success.
 */
export function countTests(report: VitestReport | undefined, exitCode: number): TestCounts {
  if (report === undefined) return { passed: 0, failed: 1, skipped: 0 }
  const failed = report.numFailedTests + report.testResults.filter(isBroken).length
  return {
    passed: report.numPassedTests,
    failed: failed === 0 && exitCode !== 0 ? 1 : failed,
    skipped: report.numPendingTests + report.numTodoTests,
  }
}

/**
 * Each failed test: its file, its name and the start of its message. They are printed last,
 * because whoever keeps only the end of a long log still has to see what failed.
 */
export function failureLines(report: VitestReport | undefined): string[] {
  if (report === undefined) return ['✖ vitest wrote no report: see its output above']
  return report.testResults.flatMap((file) => {
    if (isBroken(file)) return [failure(file, 'cannot be loaded', file.message)]
    return file.assertionResults
      .filter((test) => test.status === 'failed')
      .map((test) => failure(file, test.fullName, test.failureMessages.join('\n')))
  })
}

function isBroken(file: FileResult): boolean {
  return file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed')
}

function failure({ name }: FileResult, title: string, message: string): string {
  const shown = stripVTControlCharacters(message)
    .trimEnd()
    .split('\n')
    .filter((line) => !FOREIGN_FRAME.test(line))
    .slice(0, MESSAGE_LINES)
  return [`✖ ${path.relative(root, name)}: ${title}`, ...shown.map((line) => `    ${line}`)].join('\n')
}

export function summaryLine({ passed, failed, skipped }: TestCounts): string {
  return `${passed} passed, ${failed} failed${skipped === 0 ? '' : `, ${skipped} skipped`}`
}
