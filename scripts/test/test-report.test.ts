import path from 'node:path'
import { expect, test } from 'vitest'
import { countTests, failureLines, summaryLine, type VitestReport } from '../test-report.ts'
import { root } from '../toolchain.mjs'

const report = (overrides: object = {}): VitestReport => ({
  numPassedTests: 7,
  numFailedTests: 0,
  numPendingTests: 0,
  numTodoTests: 0,
  testResults: [],
  ...overrides,
})

test('counts what vitest reports', () => {
  const counts = countTests(report({ numFailedTests: 2, numPendingTests: 3, numTodoTests: 1 }), 1)
  expect(counts).toEqual({ passed: 7, failed: 2, skipped: 4 })
})

test('a file that cannot be loaded is a failure, one with failed tests is not another', () => {
  const testResults = [
    { status: 'failed', assertionResults: [] },
    { status: 'failed', assertionResults: [{ status: 'failed' }, { status: 'passed' }] },
    { status: 'passed', assertionResults: [{ status: 'passed' }] },
  ]
  expect(countTests(report({ numFailedTests: 1, testResults }), 1).failed).toBe(2)
})

test('a run that failed never has 0 failed', () => {
  expect(countTests(report(), 1)).toEqual({ passed: 7, failed: 1, skipped: 0 })
  expect(countTests(undefined, 1)).toEqual({ passed: 0, failed: 1, skipped: 0 })
  expect(countTests(report(), 0).failed).toBe(0)
})

test('each failure names its file and test, with the start of its message', () => {
  const assertionResults = [
    {
      status: 'failed',
      fullName: 'suite one',
      failureMessages: [
        '\u001B[31mError: no\u001B[39m\n  at b.ts:1:2\n  at f (/a/node_modules/v/run.js:1:2)',
      ],
    },
    { status: 'passed', fullName: 'suite two', failureMessages: [] },
  ]
  const testResults = [
    {
      name: path.join(root, 'a.test.ts'),
      status: 'failed',
      message: 'Cannot find module',
      assertionResults: [],
    },
    { name: path.join(root, 'b.test.ts'), status: 'failed', message: '', assertionResults },
    { name: path.join(root, 'c.test.ts'), status: 'passed', message: '', assertionResults: [] },
  ]
  expect(failureLines(report({ testResults }))).toEqual([
    '✖ a.test.ts: cannot be loaded\n    Cannot find module',
    '✖ b.test.ts: suite one\n    Error: no\n      at b.ts:1:2',
  ])
  expect(failureLines(undefined)).toEqual(['✖ vitest wrote no report: see its output above'])
})

test('a long message is cut', () => {
  const failureMessages = [Array.from({ length: 99 }, (_, index) => `line ${index}`).join('\n')]
  const assertionResults = [{ status: 'failed', fullName: 'long', failureMessages }]
  const [lines] = failureLines(
    report({
      testResults: [{ name: path.join(root, 'a.test.ts'), status: 'failed', message: '', assertionResults }],
    }),
  )
  expect(lines?.split('\n')).toHaveLength(16)
})

test('the line', () => {
  expect(summaryLine({ passed: 7, failed: 0, skipped: 0 })).toBe('7 passed, 0 failed')
  expect(summaryLine({ passed: 7, failed: 1, skipped: 2 })).toBe('7 passed, 1 failed, 2 skipped')
})
