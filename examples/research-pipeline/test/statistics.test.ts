import { describe, expect, test } from 'vitest'
import { spanKinds } from '../src/spans/span.ts'
import { connectedness, entryOf, queueTimes } from '../src/spans/statistics.ts'
import { madeSpan, madeTransit } from './made-span.ts'

const entry = madeSpan('entry', { name: 'POST /research', kind: spanKinds.server, start: 0, end: 4000 })

describe('orphan roots', () => {
  test('the entry is the root of that name which a server made', () => {
    const callback = madeSpan('callback', {
      name: 'POST /research',
      kind: spanKinds.server,
      parentSpanId: 'entry',
    })
    const lookalike = madeSpan('lookalike', { name: 'POST /research', kind: spanKinds.client })
    expect(entryOf([callback, lookalike, entry], 'POST /research')).toBe(entry)
    expect(entryOf([madeSpan('entry'), lookalike], 'POST /research')).toBeUndefined()
  })

  test('every other root is one, and so is a span whose parent never came', () => {
    const root = madeSpan('root', { traceId: 'two' })
    const child = madeSpan('child', { traceId: 'two', parentSpanId: 'root' })
    const lost = madeSpan('lost', { traceId: 'three', parentSpanId: 'never exported' })
    expect(connectedness([entry, root, child, lost], entry)).toEqual({
      traces: 3,
      orphanRoots: [root, lost],
    })
  })

  test('a parent of the same id in another trace is no parent', () => {
    const astray = madeSpan('astray', { traceId: 'two', parentSpanId: 'entry' })
    expect(connectedness([entry, astray], entry).orphanRoots).toEqual([astray])
  })

  test('there is none in a joined trace', () => {
    const child = madeSpan('child', { parentSpanId: 'entry' })
    expect(connectedness([child, entry], entry)).toEqual({ traces: 1, orphanRoots: [] })
  })
})

describe('queue times', () => {
  const waits = [
    madeTransit('a', 'searches', 1000, 2000),
    madeTransit('b', 'searches', 1500, 3000),
    madeTransit('c', 'findings', 2500, 3500),
  ]

  test('two messages that wait in one queue at once count once, for each queue and for all of them', () => {
    expect(queueTimes([entry, ...waits], entry)).toMatchObject({
      wallSeconds: 4,
      queueSeconds: { searches: 2, findings: 1 },
      anyQueueSeconds: 2.5,
    })
  })

  test('what was waited after the answer is not part of the request', () => {
    expect(queueTimes([entry, madeTransit('late', 'findings', 3900, 9000)], entry).queueSeconds).toEqual({
      findings: 0.1,
    })
  })

  test('a queue without any wait is there, with nothing', () => {
    const delivery = madeSpan('d', {
      parentSpanId: 'entry',
      kind: spanKinds.consumer,
      attributes: { 'messaging.destination.name': 'questions' },
    })
    expect(queueTimes([entry, delivery], entry)).toMatchObject({
      wallSeconds: 4,
      queueSeconds: { questions: 0 },
      anyQueueSeconds: 0,
    })
  })

  test('work on a message is not waiting', () => {
    const work = madeSpan('w', { attributes: { 'messaging.operation.name': 'process' } })
    expect(queueTimes([entry, work], entry).anyQueueSeconds).toBe(0)
  })
})
