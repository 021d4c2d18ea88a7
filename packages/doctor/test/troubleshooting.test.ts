import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { ruleTexts } from '../src/report/rule-texts.ts'

test('the troubleshooting page has a section for each finding, under the heading that the tool prints', () => {
  const page = readFileSync(path.join(import.meta.dirname, '../../../docs/troubleshooting.md'), 'utf8')
  const headings = [...page.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading)
  expect(headings).toEqual(
    expect.arrayContaining([...Object.keys(ruleTexts), 'NO-CARRIER', 'VENDOR-CARRIER-MISMATCH']),
  )
})
