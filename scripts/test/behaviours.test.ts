import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'

const root = path.resolve(import.meta.dirname, '../..')
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8')

const files = globSync('{packages,integration-tests}/**/*.{test,it}.ts', {
  cwd: root,
  exclude: (name) => name.includes('node_modules'),
})
// Titles of one table of cases are made from it.
const text = [...files, 'integration-tests/bullmq/transit-cases.ts'].map(read).join('\n')
const shownOf = (name: string): Set<number> =>
  new Set([...text.matchAll(new RegExp(`\\b${name}-(\\d+)\\b`, 'g'))].map(([, n]) => Number(n)))
const missingOf = (count: number, shown: ReadonlySet<number>): number[] =>
  Array.from({ length: count }, (_, i) => i + 1).filter((n) => !shown.has(n))

test('every behaviour from agents-1 to agents-40 is in the title of a test, or listed with the reason why not', () => {
  const shown = shownOf('agents')
  for (const [, row = ''] of read('integration-tests/README.md').matchAll(/^\| (agents-[^|]*)\|/gm)) {
    const [from = 0, to = from] = [...row.matchAll(/\d+/g)].map(Number)
    for (let n = from; n <= to; n++) shown.add(n)
  }
  expect(missingOf(40, shown)).toEqual([])
})

test.each([
  ['bullmq', 32],
  ['rabbitmq', 40],
  ['kafka', 36],
  ['redis-streams', 32],
])(
  'so is every behaviour of %s, from 1 to %i; what is not, is in its README under this number',
  (name, count) => {
    const shown = shownOf(name)
    const listed = read(`packages/${name}/README.md`).matchAll(new RegExp(`\`${name}-(\\d+)\``, 'g'))
    for (const [, n] of listed) shown.add(Number(n))
    expect(missingOf(count, shown)).toEqual([])
  },
)
