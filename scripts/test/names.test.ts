import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'

const root = path.resolve(import.meta.dirname, '../..')
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8')
const files = (pattern: string | string[]): string[] => globSync(pattern, { cwd: root }).sort()

/** Words that begin as our functions do. */
const NAME = /\b(?:trace|with|run|bind|record|assert|attach|merge)[A-Z]\w+/g

/** Options, and what others have under such names. */
const others = new Set(['recordContent', 'withTypeMapping'])

const entries = files([
  'packages/*/src/{index,adapter,testing,exporter,vitest}.ts',
  'packages/kafka/src/platformatic/*.ts',
])
const exported = new Set(entries.flatMap((file) => read(file).match(/\b\w+\b/g) ?? []))

test.each([
  ...files(['README.md', 'docs/*.md', 'packages/*/README.md']),
  'packages/doctor/src/rules/fixes.ts',
])('every function of ours that %s names is there', (file) => {
  const text = read(file)
  // In prose names stand in code; in a source they stand in texts.
  const code = file.endsWith('.md')
    ? (text.match(/`[^`\n]+`/g) ?? [])
    : (text.match(/'[^'\n]*'|`[^`]*`/g) ?? [])
  const named = code.flatMap((one) => one.match(NAME) ?? [])
  expect([...new Set(named)].filter((name) => !exported.has(name) && !others.has(name))).toEqual([])
})
