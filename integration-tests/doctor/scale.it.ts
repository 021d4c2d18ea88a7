import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

test('doctor-23: the memory of a diagnosis is that of what the rules read, and its findings are right at any size', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [
    path.join(import.meta.dirname, 'scale/measure.ts'),
    '20000',
    '100000',
  ])
  const rows = stdout
    .trimEnd()
    .split('\n')
    .slice(2)
    .map((row) => row.trim().split(/\s+/))
  expect(rows.map(([spans, , , , , , , right]) => [spans, right])).toEqual([
    ['20000', 'yes'],
    ['100000', 'yes'],
  ])
  // Four times what is kept: the rest is for the garbage collector to find.
  for (const [, , , , , , bytes] of rows) expect(Number(bytes)).toBeLessThan(5_000)
}, 30_000)
