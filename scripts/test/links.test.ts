import { existsSync, globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'

const root = path.resolve(import.meta.dirname, '../..')
const pages = [
  '*.md',
  'docs/**/*.md',
  'packages/*/*.md',
  'examples/*/*.md',
  'brokers/*.md',
  '{benchmarks,integration-tests}/*.md',
]

/** The anchors of a page, as GitHub makes them of its headings. */
function anchors(page: string): string[] {
  const headings = [...readFileSync(page, 'utf8').matchAll(/^#+ (.+)$/gm)]
  return headings.map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

test.each(globSync(pages, { cwd: root }).sort())('every relative link of %s leads somewhere', (page) => {
  const file = path.join(root, page)
  const text = readFileSync(file, 'utf8').replace(/^```[\s\S]*?^```/gm, '')
  const dead: string[] = []
  for (const [, link = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^[a-z]+:/.test(link)) continue
    const [target = '', anchor] = link.split('#')
    const found = target === '' ? file : path.resolve(path.dirname(file), target)
    if (!existsSync(found) || (anchor !== undefined && !anchors(found).includes(anchor))) dead.push(link)
  }
  expect(dead).toEqual([])
})
