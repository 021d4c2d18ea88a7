import { describe, expect, test } from 'vitest'
import { spanKinds } from '../src/spans/span.ts'
import { connectedness, queueTimes } from '../src/spans/statistics.ts'
import { htmlPage } from '../src/waterfall/html-page.ts'
import { madeSpan, madeTransit } from './made-span.ts'

const entry = madeSpan('entry', { kind: spanKinds.server })
const spans = [
  entry,
  madeTransit('transit passages', 'passages', 0, 500),
  madeSpan('work', {
    parentSpanId: 'entry',
    start: 500,
    attributes: { note: '<script>alert("&")</script>' },
  }),
]
const orphan = madeSpan('orphan', { traceId: 'two' })
const page = htmlPage({
  question: 'Is <b> bold?',
  answer: {
    text: '',
    findings: [
      {
        text: 'Is it?',
        quote: 'It <i>is</i>.',
        source: 'Notes',
        wordsRead: 3,
        index: 0,
        count: 1,
        replyTo: '',
        conversation: '',
      },
    ],
  },
  before: { spans: [entry, orphan], connectedness: connectedness([entry, orphan], entry) },
  after: { spans, connectedness: connectedness(spans, entry) },
  times: queueTimes(spans, entry),
  brokers: { redis: '8.0.2' },
})

describe('the page', () => {
  test('loads nothing from anywhere', () => {
    expect(page).not.toMatch(/https?:|\/\/[a-z]|@import|url\(|\bsrc=|\bhref=|<link|<iframe|<img|\bimport\b/i)
    expect(page).toContain("default-src 'none'")
  })

  test('has its style and script within, and one of each', () => {
    expect(page.match(/<style>/g)).toHaveLength(1)
    expect(page.match(/<script>/g)).toHaveLength(1)
    expect(page).toContain('repeating-linear-gradient')
  })

  test('shows text from outside as text', () => {
    expect(page).toContain('&#60;script&#62;alert(&#34;&#38;&#34;)&#60;/script&#62;')
    expect(page).toContain('Is &#60;b&#62; bold?')
    expect(page).not.toMatch(/<b>|<i>is/)
  })

  test('has a row for each span of both runs, and hatches the waits', () => {
    const [after, before] = [...page.matchAll(/<table class="waterfall"[^]*?<\/table>/g)].map(
      ([table]) => table,
    )
    expect(after?.match(/aria-level=/g)).toHaveLength(3)
    expect(after?.match(/class="bar transit"\s+style="left:0.000%;width:50.000%"/g)).toHaveLength(1)
    expect(after?.match(/<tbody>/g)).toHaveLength(1)
    expect(before?.match(/<tbody>/g)).toHaveLength(2)
  })

  test('says in words what the bars show', () => {
    expect(page).toContain('waits from 0.0 ms on')
    expect(page).toContain('works from 500 ms on')
  })

  test('computes its figures from the spans', () => {
    const figures = /<dl class="figures">[^]*?<\/dl>/
      .exec(page)?.[0]
      .replace(/<[^>]*>|\s+/g, ' ')
      .replace(/ +/g, ' ')
    expect(figures).toContain('Without Waybill 2 traces 1 orphan root')
    expect(figures).toContain('With Waybill 1 trace 0 orphan roots')
    expect(figures).toContain('Waiting in queues 50 % most of it in passages (RabbitMQ)')
  })
})
