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

interface VitestReport {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly numTodoTests: number
  readonly testResults: readonly {
    readonly name: string
    readonly status: string
    readonly message: string
    readonly assertionResults: readonly {
      readonly status: string
      readonly fullName: string
      readonly failureMessages: readonly string[]
    }[]
  }[]
}

/**
 * From vitest's JSON report. A file that cannot even be loaded counts as one failure, and so does a run that failed
 * without a failed test (no report, an unhandled rejection): "0 failed" must mean success.
 */
export function countTests(json: string, exitCode: number): TestCounts {
  if (json === '') return { passed: 0, failed: 1, skipped: 0 }
  const report = JSON.parse(json) as VitestReport
  const failed = report.numFailedTests + report.testResults.filter(isBroken).length
  return {
    passed: report.numPassedTests,
    failed: failed === 0 && exitCode !== 0 ? 1 : failed,
    skipped: report.numPendingTests + report.numTodoTests,
  }
}

/**
 * Each failed test of vitest's JSON report: its file, its name and the start of its message. They are printed last,
 * because whoever keeps only the end of a long log still has to see what failed.
 */
export function failureLines(json: string): string[] {
  if (json === '') return ['✖ vitest wrote no report: see its output above']
  const { testResults } = JSON.parse(json) as VitestReport
  return testResults.flatMap((file) =>
    isBroken(file)
      ? [failure(path.relative(root, file.name), 'cannot be loaded', file.message)]
      : file.assertionResults
          .filter((test) => test.status === 'failed')
          .map((test) =>
            failure(path.relative(root, file.name), test.fullName, test.failureMessages.join('\n')),
          ),
  )
}

function isBroken(file: VitestReport['testResults'][number]): boolean {
  return file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed')
}

function failure(file: string, title: string, message: string): string {
  const shown = stripVTControlCharacters(message)
    .trimEnd()
    .split('\n')
    .filter((line) => !FOREIGN_FRAME.test(line))
    .slice(0, MESSAGE_LINES)
  return [`✖ ${file}: ${title}`, ...shown.map((line) => `    ${line}`)].join('\n')
}

export function summaryLine({ passed, failed, skipped }: TestCounts): string {
  return `${passed} passed, ${failed} failed${skipped === 0 ? '' : `, ${skipped} skipped`}`
}
