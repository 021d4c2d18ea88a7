import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { splitOf, transitOf } from '../src/transit.ts'

const NOW = 1_700_000_000_000
const ago = (ms: number): number => NOW - ms

describe('the wait of a message', () => {
  test("counts from the producer's stamp", () => {
    expect(transitOf({ times: ['sent'] }, ago(300), NOW)).toEqual({
      kind: 'known',
      from: ago(300),
      to: NOW,
      clock: 'producer',
      scheduledDelay: undefined,
    })
  })

  test('takes the first plausible source, in the order given', () => {
    const broker = { at: ago(200), clock: 'broker' } as const
    expect(transitOf({ times: [broker, 'sent'] }, ago(300), NOW)).toMatchObject({
      from: ago(200),
      clock: 'broker',
    })
    expect(transitOf({ times: ['sent', broker] }, ago(300), NOW)).toMatchObject({
      from: ago(300),
      clock: 'producer',
    })
    expect(transitOf({ times: ['sent', broker] }, undefined, NOW)).toMatchObject({
      from: ago(200),
      clock: 'broker',
    })
    expect(
      transitOf({ times: [{ at: undefined }, { at: 5 }, { at: Number.NaN }, broker] }, undefined, NOW),
    ).toMatchObject({ from: ago(200) })
  })

  test.each([
    ['the clock of an id counts', ago(200), ago(300), ago(300), ago(200)],
    ['one too far ahead is no clock', NOW + 5001, ago(300), ago(300), ago(300)],
    ['nor is one from before the send', ago(6000), ago(300), ago(300), ago(300)],
    ['even where that stamp is not believed', ago(6000), undefined, ago(300), undefined],
    ['while clocks may differ a little', ago(5000), ago(300), ago(300), ago(5000)],
  ])('of what only may be a clock reading: %s', (_what, at, sent, stamped, from) => {
    const times = [{ at, clock: 'broker', toleranceMs: 5000 }, 'sent'] as const
    const transit = transitOf({ times }, sent, NOW, stamped)
    expect(transit).toMatchObject(
      from === undefined ? { kind: 'unknown', reason: 'no_timestamp' } : { kind: 'known', from },
    )
  })

  test('is unknown without a source', () => {
    expect(transitOf({ times: ['sent'] }, undefined, NOW)).toEqual({
      kind: 'unknown',
      reason: 'no_timestamp',
    })
    expect(transitOf({ times: [] }, ago(1), NOW)).toEqual({ kind: 'unknown', reason: 'no_timestamp' })
    expect(transitOf({ times: ['sent'] }, Number.NaN, NOW)).toEqual({
      kind: 'unknown',
      reason: 'no_timestamp',
    })
  })

  test('is unknown for the reason that the adapter gives, and then its age is told', () => {
    expect(transitOf({ times: ['sent'], unknown: 'redelivered' }, ago(900), NOW)).toEqual({
      kind: 'unknown',
      reason: 'redelivered',
      age: 900,
    })
    expect(transitOf({ times: [], unknown: 'flow_parent' }, undefined, NOW)).toEqual({
      kind: 'unknown',
      reason: 'flow_parent',
      age: undefined,
    })
  })

  test('does not contain a delay that was asked for', () => {
    const eligibility = { times: ['sent'], due: ago(100), scheduledDelay: 500 } as const
    expect(transitOf(eligibility, ago(600), NOW)).toMatchObject({
      kind: 'known',
      from: ago(100),
      to: NOW,
      scheduledDelay: 500,
    })
  })

  test('never starts before the message was sent, whatever the due time says', () => {
    expect(transitOf({ times: ['sent'], due: ago(60_000) }, ago(10), NOW)).toMatchObject({ from: ago(10) })
  })

  test('is unknown, not zero, when a delayed message comes before it was due', () => {
    expect(transitOf({ times: ['sent'], due: NOW + 4796, scheduledDelay: 5000 }, ago(204), NOW)).toEqual({
      kind: 'unknown',
      reason: 'rescheduled',
      age: 204,
    })
  })

  test('is unknown when the due time is no number', () => {
    const eligibility = { times: ['sent'], due: Number.NaN } as const
    expect(transitOf(eligibility, ago(204), NOW)).toEqual({
      kind: 'unknown',
      reason: 'no_timestamp',
      age: 204,
    })
  })

  test('is skew when the message came before it was sent', () => {
    expect(transitOf({ times: ['sent'] }, NOW + 7, NOW)).toEqual({ kind: 'skew', from: NOW + 7, to: NOW })
  })

  test('says how coarse its start is, unless a due time gives a better one', () => {
    const coarse = { at: ago(2000), resolution: 1000 }
    expect(transitOf({ times: [coarse] }, undefined, NOW)).toMatchObject({
      from: ago(2000),
      resolution: 1000,
    })
    expect(transitOf({ times: ['sent', coarse] }, ago(1500), NOW)).toHaveProperty('resolution', undefined)
    expect(transitOf({ times: [coarse], due: ago(500) }, undefined, NOW)).toHaveProperty(
      'resolution',
      undefined,
    )
  })

  test('may begin later than the age of the message', () => {
    const later = { times: [{ at: ago(200) }], agedFrom: ['sent'] } as const
    expect(transitOf(later, ago(900), NOW)).toMatchObject({ kind: 'known', from: ago(200), age: 900 })
    expect(transitOf(later, undefined, NOW)).toHaveProperty('age', undefined)
  })

  test('from a coarse start is never longer than the message is old', () => {
    const coarse = { times: [{ at: ago(900), resolution: 1000 }], agedFrom: ['sent'] } as const
    expect(transitOf(coarse, ago(50), NOW)).toMatchObject({ from: ago(50), age: 50, resolution: 1000 })
    expect(transitOf(coarse, ago(950), NOW)).toMatchObject({ from: ago(900), age: 950 })
    // Sent after it was dead-lettered: clocks that disagree, of which the broker's is kept.
    expect(transitOf(coarse, ago(-200), NOW)).toMatchObject({ from: ago(900), age: 0 })
  })

  test('is never negative and never longer than the message is old', () => {
    const time = fc.oneof(fc.integer(), fc.integer({ min: NOW - 1e6, max: NOW + 1e6 }), fc.double())
    fc.assert(
      fc.property(
        time,
        fc.option(time, { nil: undefined }),
        fc.option(time, { nil: undefined }),
        (at, due, sent) => {
          const transit = transitOf({ times: [{ at }, 'sent'], due }, sent, NOW)
          if (transit.kind === 'known') {
            expect(transit.to).toBe(NOW)
            expect(transit.from).toBeLessThanOrEqual(NOW)
            expect([at, sent].some((source) => source !== undefined && source <= transit.from)).toBe(true)
          }
        },
      ),
    )
  })
})

describe('the parts of a wait', () => {
  test('add up where all moments are known', () => {
    expect(splitOf({ stored: ago(200), fetched: ago(50) }, ago(300), NOW)).toEqual({
      client: 100,
      broker: 150,
      local: 50,
    })
  })

  test.each([
    [{}, ago(300), {}],
    [{ fetched: ago(50) }, undefined, { local: 50 }],
    [{ stored: ago(200) }, undefined, {}],
    [{ stored: ago(200), fetched: ago(50) }, undefined, { broker: 150, local: 50 }],
    [{ stored: Number.NaN, fetched: ago(50) }, ago(300), { local: 50 }],
    // The record is older than its send, or younger than its fetch: another clock, or the application's own time.
    [{ stored: ago(400), fetched: ago(50) }, ago(300), { broker: 350, local: 50 }],
    [{ stored: ago(-10), fetched: ago(50) }, ago(300), { client: 310, local: 50 }],
    [{ stored: ago(200), fetched: ago(-50) }, ago(300), { client: 100, broker: 250 }],
  ])('of %o sent at %o: %o', (stages, sent, expected) => {
    expect(splitOf(stages, sent, NOW)).toEqual({
      client: undefined,
      broker: undefined,
      local: undefined,
      ...expected,
    })
  })

  test('are never negative', () => {
    const time = fc.option(fc.integer({ min: ago(1000), max: ago(-1000) }), { nil: undefined })
    fc.assert(
      fc.property(time, time, time, (stored, fetched, sent) => {
        for (const part of Object.values(splitOf({ stored, fetched }, sent, NOW))) {
          if (part !== undefined) expect(part).toBeGreaterThanOrEqual(0)
        }
      }),
    )
  })
})
