import { describe, expect, test } from 'vitest'
import { spanKinds } from '../src/spans/span.ts'
import { coloured, inkFor, plain } from '../src/waterfall/ink.ts'
import { terminalWaterfall } from '../src/waterfall/terminal.ts'
import { madeSpan, madeTransit } from './made-span.ts'

const trace = [
  madeSpan('process', { parentSpanId: 'entry', agent: 'retriever', kind: spanKinds.consumer, start: 500 }),
  madeSpan('entry'),
  madeTransit('transit', 'searches', 0, 500),
  madeSpan('work', { parentSpanId: 'process', agent: 'retriever', start: 500, end: 750 }),
  madeSpan('quick', { parentSpanId: 'process', agent: 'retriever', start: 990, end: 990.5, failed: true }),
]

describe('the waterfall in the terminal', () => {
  test('is a tree with hatched waits, solid work, a ruler and durations', () => {
    expect(terminalWaterfall(trace, { width: 60 })).toEqual([
      // A mark on the ruler that would not fit beside its tick is left out.
      'agent     span       0              500 ms',
      'planner   entry      ██████████████████████████████   1.00 s',
      'planner   ├transit   ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒                  500 ms',
      'retriever └process                  ███████████████   500 ms',
      'retriever  ├work                    ████████          250 ms',
      'retriever  └quick ✖                               ▏   0.5 ms',
    ])
  })

  test('fits the width for every depth, name and time', () => {
    const deep = Array.from({ length: 90 }, (_, i) =>
      madeSpan(`a span with a long name ${i}`, {
        ...(i > 0 && { parentSpanId: `a span with a long name ${i - 1}` }),
        start: i * 333.3,
        end: 40_000 - i,
      }),
    )
    const lines = terminalWaterfall(deep)
    expect(lines).toHaveLength(91)
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100)
  })

  test('a wait stands before the work that it ended with, also when all were sent at once', () => {
    const fanOut = [
      madeSpan('entry'),
      madeTransit('wait 1', 'q', 0, 100),
      madeTransit('wait 2', 'q', 0, 500),
      madeSpan('work 1', { parentSpanId: 'entry', start: 100, end: 500 }),
      madeSpan('work 2', { parentSpanId: 'entry', start: 500, end: 900 }),
    ]
    const names = terminalWaterfall(fanOut).map((line) => /(wait|work) \d/.exec(line)?.[0])
    expect(names.filter((name) => name !== undefined)).toEqual(['wait 1', 'work 1', 'wait 2', 'work 2'])
  })

  test('every trace and orphan is shown', () => {
    const orphan = madeSpan('orphan', { traceId: 'two', parentSpanId: 'lost' })
    expect(terminalWaterfall([...trace, orphan]).filter((line) => line.includes('orphan'))).toHaveLength(1)
  })

  test('no spans, no lines', () => {
    expect(terminalWaterfall([])).toEqual([])
  })
})

describe('colour', () => {
  test('only on a terminal, and not with NO_COLOR', () => {
    expect(inkFor({ isTTY: true }, {})).toBe(coloured)
    expect(inkFor({ isTTY: true }, { NO_COLOR: '1' })).toBe(plain)
    expect(inkFor({ isTTY: true }, { NO_COLOR: '' })).toBe(coloured)
    expect(inkFor({}, {})).toBe(plain)
  })

  test('adds nothing but colour', () => {
    const escapes = new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, 'g')
    const inColour = terminalWaterfall(trace, { ink: coloured })
    expect(inColour.join('\n')).toMatch(escapes)
    expect(inColour.map((line) => line.replace(escapes, ''))).toEqual(terminalWaterfall(trace))
  })
})
