import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'

const root = path.resolve(import.meta.dirname, '../..')
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8')

test('every behaviour from agents-1 to agents-40 is in the title of a test, or listed with the reason why not', () => {
  const files = globSync('{packages,integration-tests}/**/*.{test,it}.ts', {
    cwd: root,
    exclude: (name) => name.includes('node_modules'),
  })
  const shown = new Set(
    files.flatMap((file) => [...read(file).matchAll(/\bagents-(\d+)\b/g)].map(([, n]) => Number(n))),
  )
  for (const [, row = ''] of read('integration-tests/README.md').matchAll(/^\| (agents-[^|]*)\|/gm)) {
    const [from = 0, to = from] = [...row.matchAll(/\d+/g)].map(Number)
    for (let n = from; n <= to; n++) shown.add(n)
  }
  const missing = Array.from({ length: 40 }, (_, i) => i + 1).filter((n) => !shown.has(n))
  expect(missing).toEqual([])
})
