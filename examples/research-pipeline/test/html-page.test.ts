import { describe, expect, test } from 'vitest'
import { spanKinds } from '../src/spans/span.ts'
import { journeyOf } from '../src/spans/journey.ts'
import { connectedness, queueTimes } from '../src/spans/statistics.ts'
import { htmlPage } from '../src/waterfall/html-page.ts'
import { madeSpan, madeTransit } from './made-span.ts'

const entry = madeSpan('entry', { kind: spanKinds.server, attributes: { 'session.id': 's1' } })
const spans = [
  entry,
  madeTransit('transit searches', 'searches', 0, 500),
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
  before: {
    spans: [entry, orphan],
    connectedness: connectedness([entry, orphan], entry),
    journey: journeyOf([entry, orphan], 's1'),
  },
  after: { spans, connectedness: connectedness(spans, entry), journey: journeyOf(spans, 's1') },
  times: queueTimes(spans, entry),
  agents: [
    {
      name: 'lead',
      role: 'orchestrator',
      depth: 0,
      runs: 1,
      inputTokens: 40,
      outputTokens: 2,
      costSelf: 0.5,
    },
    {
      name: 'planner & co',
      role: 'planner',
      depth: 1,
      caller: 'lead',
      runs: 3,
      inputTokens: 4,
      outputTokens: 9,
      costSelf: 0.25,
    },
  ],
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

  test('has each agent with its role, depth, caller and cost, the sum, and the session', () => {
    const text = page
      .slice(page.indexOf('Who asked whom'), page.indexOf('Without Waybill: the same'))
      .replace(/<[^>]*>|\s+/g, ' ')
      .replace(/ +/g, ' ')
    expect(text).toContain('lead orchestrator 0 1 40 / 2 $0.500000')
    expect(text).toContain('planner &#38; co planner 1 lead 3 4 / 9 $0.250000')
    expect(text).toContain('all agents $0.750000')
    expect(text).toContain('on 1 of the 3 spans; without Waybill on 1 of 2')
  })

  test('computes its figures from the spans', () => {
    const figures = /<dl class="figures">[^]*?<\/dl>/
      .exec(page)?.[0]
      .replace(/<[^>]*>|\s+/g, ' ')
      .replace(/ +/g, ' ')
    expect(figures).toContain('Without Waybill 2 traces 1 orphan root')
    expect(figures).toContain('With Waybill 1 trace 0 orphan roots')
    expect(figures).toContain('Waiting in queues 50 % most of it in searches (RabbitMQ)')
  })
})
