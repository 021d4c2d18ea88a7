import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { Ajv } from 'ajv'
import draft4 from 'ajv-draft-04'
import { describe, expect, test } from 'vitest'
import { diagnose } from '../src/diagnose.ts'
import { exitOf } from '../src/exit.ts'
import type { RawSpan } from '../src/input/raw-span.ts'
import { collectSpans, type SpanModel } from '../src/model/spans.ts'
import { html } from '../src/report/html.ts'
import { inkFor } from '../src/report/ink.ts'
import { json } from '../src/report/json.ts'
import { mermaid } from '../src/report/mermaid.ts'
import { rowsOf } from '../src/report/rows.ts'
import { ruleTexts } from '../src/report/rule-texts.ts'
import { sarif } from '../src/report/sarif.ts'
import { table } from '../src/report/table.ts'
import { waterfall } from '../src/report/waterfall.ts'
import { article } from './article.ts'
import { made, send, process } from './made-spans.ts'
import { readFixture } from './reading.ts'

const INPUT = { files: ['traces.json'], formats: ['otlp-json'], partial: false, warnings: [] } as const

function judged(spans: readonly RawSpan[]): { model: SpanModel; diagnosis: ReturnType<typeof diagnose> } {
  const collector = collectSpans()
  for (const span of spans) collector.add(span)
  const model = collector.model()
  return { model, diagnosis: diagnose(model, INPUT) }
}

const schemaText = (name: string): string =>
  readFileSync(path.join(import.meta.dirname, `../schema/${name}.schema.json`), 'utf8')

/** A name that would be a script in HTML, a control sequence in a terminal and a statement in Mermaid. */
const HOSTILE = '<script>alert(1)</script>"\u001b[2J:;#,'
const hostile = (): RawSpan[] => [
  made({ ...send('a', 's', HOSTILE, '1-0', 1, { service: HOSTILE }), name: HOSTILE }),
  made({ ...process('b', 'p', HOSTILE, '1-0', 3, { service: HOSTILE }), name: HOSTILE }),
]

describe('doctor-25', () => {
  test('the JSON validates against its published schema', async () => {
    const validate = new Ajv({ strict: true }).compile(JSON.parse(schemaText('report')) as object)
    const inputs = [
      (await readFixture('broken.otlp.json')).spans,
      (await readFixture('stale.otlp.json')).spans,
      article(),
      [],
    ]
    for (const spans of inputs) {
      const { diagnosis } = judged(spans)
      const report = JSON.parse(json(diagnosis, exitOf(diagnosis, 'certain'))) as object
      expect(validate(report), JSON.stringify(validate.errors)).toBe(true)
      expect(validate({ ...report, version: 2 })).toBe(false)
    }
    // Every rule is in the schema.
    for (const rule of Object.keys(ruleTexts)) expect(schemaText('report')).toContain(`"${rule}"`)
  })

  test('the SARIF validates against 2.1.0', async () => {
    const require = createRequire(import.meta.url)
    const folder = path.dirname(require.resolve('@microsoft/jest-sarif/package.json'))
    const schema = JSON.parse(
      readFileSync(path.join(folder, 'lib/schemas/sarif-2.1.0-rtm.5.json'), 'utf8'),
    ) as object
    const validate = new draft4.default({
      strict: false,
      validateFormats: false,
      unicodeRegExp: false,
    }).compile(schema)
    for (const spans of [(await readFixture('broken.otlp.json')).spans, article(), hostile(), []]) {
      const log = JSON.parse(sarif(judged(spans).diagnosis)) as { runs: { results: { level: string }[] }[] }
      expect(validate(log), JSON.stringify(validate.errors)).toBe(true)
      expect(log.runs[0]?.results.length).toBe(judged(spans).diagnosis.findings.length)
    }
    expect(validate({ version: '2.1.0' })).toBe(false)
  })

  test('the same spans in another order give the same bytes', async () => {
    const { spans } = await readFixture('broken.otlp.json')
    const all = (list: readonly RawSpan[]): string[] => {
      const { diagnosis, model } = judged(list)
      return [json(diagnosis, exitOf(diagnosis, 'certain')), sarif(diagnosis), html(diagnosis, model)]
    }
    const texts = all(spans)
    expect(all(spans).every((text, i) => text === texts[i])).toBe(true)
    expect(all(spans.toReversed()).every((text, i) => text === texts[i])).toBe(true)
  })
})

describe('doctor-26: the HTML', () => {
  test('has no script, however spans are named, and asks the network for nothing', () => {
    const { diagnosis, model } = judged(hostile())
    const page = html(diagnosis, model)
    expect(page).toContain('&lt;script&gt;')
    expect(page).not.toMatch(/<script|javascript:|onerror|@import|url\(http|src=|href=/i)
    expect(page).toContain("default-src 'none'")
    for (const [, url] of page.matchAll(/(https?:[^"' ]*)/g)) expect(url).toBe('')
  })

  test('is under 50 kB beside the data', () => {
    const { diagnosis, model } = judged([])
    expect(html(diagnosis, model).length).toBeLessThan(50_000)
  })
})

describe('the terminal', () => {
  test('hatches waits, dashes links and marks strays', async () => {
    const { model, diagnosis } = judged((await readFixture('half-fixed.otlp.json')).spans)
    const drawn = waterfall(rowsOf(model, diagnosis.findings[0]?.evidence[0]?.traces ?? []))
    expect(drawn).toMatch(/transit planner · planner +░+/)
    expect(drawn).toMatch(/^✂ process retriever/m)
    const linked = judged([
      made(send('a', 's', 'jobs', '1-0', 0)),
      made({ ...process('b', 'p', 'jobs', '1-0', 30), links: ['a/s'], to: 40 }),
    ])
    expect(waterfall(rowsOf(linked.model, [...linked.model.traces.keys()]))).toContain('╌╌╌█')
  })

  test('is not moved by names, and coloured for people only', () => {
    const { diagnosis, model } = judged(hostile())
    // oxlint-disable-next-line no-control-regex
    expect(table(diagnosis) + waterfall(rowsOf(model, [...model.traces.keys()]))).not.toMatch(/\u001b/)
    expect(table(diagnosis, inkFor({ isTTY: true }, {}))).toContain('\u001b[31mcertain')
    expect(table(diagnosis, inkFor({ isTTY: true }, { NO_COLOR: '1' }))).not.toContain('\u001b')
  })

  test('Mermaid gets one chart, whatever the names', () => {
    const { diagnosis, model } = judged(hostile())
    const lines = mermaid(diagnosis, model).trimEnd().split('\n')
    expect(lines[0]).toBe('gantt')
    for (const line of lines.filter((text) => / : /.test(text)))
      expect(line).toMatch(/^ {2}[^:;#,<>]+ : (crit, |done, )?\d+, \d+$/)
  })
})

test('doctor-39: unended spans, cycles, duplicates, missing services and unknown attributes are judged all the same', () => {
  const spans = [
    made({ trace: 'c', id: 'one', parent: 'two', from: 0 }),
    made({ trace: 'c', id: 'two', parent: 'one', from: 1 }),
    made({ trace: 'c', id: 'self', parent: 'self', from: 1 }),
    made({ trace: 'c', id: 'open', parent: 'one', from: 2, unended: true }),
    made({ trace: 'c', id: 'open', parent: 'one', from: 2, unended: true }),
    { ...made(process('c', 'p', 'jobs', '1-0', 3, { parent: 'two' })), resource: {} },
    made(send('d', 's', 'jobs', '1-0', 2)),
    made({
      trace: 'e',
      id: 'e',
      from: 5,
      to: 1,
      facts: { weird: ['x', { y: null }], 'messaging.destination.name': null },
    }),
  ]
  const { diagnosis, model } = judged(spans)
  expect(diagnosis.spans).toBe(7)
  expect(model.duplicates).toBe(1)
  expect(html(diagnosis, model)).toContain('unknown service')
  expect(mermaid(diagnosis, model)).toContain('gantt')
})
