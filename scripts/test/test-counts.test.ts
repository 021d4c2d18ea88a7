import { expect, test } from 'vitest'
import { countTests, summaryLine } from '../test-counts.ts'

const report = (overrides: object = {}) =>
  JSON.stringify({
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
  expect(countTests('', 1)).toEqual({ passed: 0, failed: 1, skipped: 0 })
  expect(countTests(report(), 0).failed).toBe(0)
})

test('the line', () => {
  expect(summaryLine({ passed: 7, failed: 0, skipped: 0 })).toBe('7 passed, 0 failed')
  expect(summaryLine({ passed: 7, failed: 1, skipped: 2 })).toBe('7 passed, 1 failed, 2 skipped')
})
