import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { modes } from '../src/job.ts'
import { cellOf, cellsOf, rowsOf, shuffled, spreadOf, targetOf, type Round } from '../src/statistics.ts'

/** A round in which the bare client costs `bare`, and each variant adds the same in every mode. */
function round(bare: number, added: { peer?: number; ours: number; floor: number }): Round {
  const cells = modes.flatMap((mode): [string, number][] => [
    [cellOf('ours', mode), bare + added.ours],
    [cellOf('floor', mode), added.floor],
    ...(added.peer === undefined ? [] : [[cellOf('peer', mode), bare + added.peer] as [string, number]]),
  ])
  return new Map([[cellOf('bare', 'no SDK'), bare], ...cells])
}

describe('spreadOf', () => {
  it('takes the middle value of an odd number and the mean of the two middle ones of an even number', () => {
    expect(spreadOf([10, 1, 2])).toEqual({ median: 2, min: 1, max: 10 })
    expect(spreadOf([10, 1, 2, 4])).toEqual({ median: 3, min: 1, max: 10 })
  })

  it('has nothing to say about no values', () => {
    expect(() => spreadOf([])).toThrow(RangeError)
  })

  it('keeps min ≤ median ≤ max, in whatever order the values come', () => {
    // Adding 0 turns -0 into 0: a time has no such sign, and sorting does not order the two.
    const time = fc.double({ noNaN: true, min: -1e6, max: 1e6 }).map((value) => value + 0)
    fc.assert(
      fc.property(fc.array(time, { minLength: 1 }), (values) => {
        const { min, median, max } = spreadOf(values)
        expect(min).toBeLessThanOrEqual(median)
        expect(median).toBeLessThanOrEqual(max)
        expect(spreadOf(values.toReversed())).toEqual({ min, median, max })
      }),
    )
  })
})

describe('shuffled', () => {
  it('keeps all items and leaves the original as it is', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (items) => {
        const before = [...items]
        expect(shuffled(items).toSorted()).toEqual(before.toSorted())
        expect(items).toEqual(before)
      }),
    )
  })

  it('brings every item to every place', () => {
    const places = new Set<string>()
    for (let i = 0; i < 500; i++) shuffled(['a', 'b', 'c']).forEach((item, at) => places.add(item + at))
    expect(places.size).toBe(9)
  })
})

describe('targetOf', () => {
  it('takes the lesser of floor and peer when traced', () => {
    expect(targetOf('traced', 10, 100)).toBeCloseTo(12.5)
    expect(targetOf('traced', 10, 15)).toBeCloseTo(9)
  })

  it('is stricter towards the peer when sampled out', () => {
    expect(targetOf('sampled out', 10, 15)).toBeCloseTo(7.5)
  })

  it('knows only the floor where there is no peer', () => {
    expect(targetOf('sampled out', 8, null)).toBeCloseTo(10)
  })

  it('is 1 µs without an SDK, whatever the others need', () => {
    expect(targetOf('no SDK', 0.1, 50)).toBe(1)
  })

  it('is never negative, though noise may make a peer look free', () => {
    expect(targetOf('traced', 10, -3)).toBe(0)
  })
})

describe('rowsOf', () => {
  it('compares with the bare client of the same round, so that a slow round changes nothing', () => {
    const rounds = [
      round(10, { peer: 20, ours: 12, floor: 10 }),
      round(50, { peer: 22, ours: 13, floor: 11 }),
      round(12, { peer: 24, ours: 11, floor: 12 }),
    ]
    const traced = rowsOf('kafka', 1000, rounds)[2]!
    expect(traced).toMatchObject({
      broker: 'kafka',
      mode: 'traced',
      bareUs: 12,
      peerUs: 22,
      oursUs: 12,
      floorUs: 11,
    })
    expect(traced).toMatchObject({
      rounds: 3,
      messages: 1000,
      ranges: { bareUs: [10, 50], oursUs: [11, 13] },
    })
  })

  it('passes at the limit and is short above it', () => {
    const [, , traced] = rowsOf('rabbitmq', 1, [round(10, { peer: 20, ours: 12, floor: 10 })])
    expect(traced).toMatchObject({ target: 12, pass: true })
    const [, sampledOut] = rowsOf('rabbitmq', 1, [round(10, { peer: 20, ours: 12, floor: 10 })])
    expect(sampledOut).toMatchObject({ target: 10, pass: false })
  })

  it('tells what the same costs by hand, where that was measured', () => {
    const byHand = modes.map((mode): [string, number] => [cellOf('by hand', mode), 18])
    const added = round(10, { peer: 20, ours: 12, floor: 10 })
    const [first] = rowsOf('rabbitmq', 1, [new Map([...added, ...byHand])])
    expect(first).toMatchObject({ byHandUs: 8, ranges: { byHandUs: [8, 8] } })
    expect(rowsOf('rabbitmq', 1, [added])[0]).not.toHaveProperty('byHandUs')
  })

  it('has no figure for a peer that does not exist', () => {
    const [first] = rowsOf('redis-streams', 1, [round(10, { ours: 0.5, floor: 1 })])
    expect(first).toMatchObject({ peerUs: null, pass: true, ranges: { peerUs: null } })
  })

  it('names the sample that is missing', () => {
    expect(() => rowsOf('bullmq', 1, [new Map()])).toThrow('No sample of bullmq: bare, no SDK')
  })
})

describe('cellsOf', () => {
  it('is one bare sample, and three for each variant', () => {
    expect(cellsOf({ hasPeer: true, byHand: false })).toHaveLength(10)
    expect(cellsOf({ hasPeer: true, byHand: true })).toHaveLength(13)
    expect(cellsOf({ hasPeer: false, byHand: false })).toHaveLength(7)
    expect(
      new Set(cellsOf({ hasPeer: true, byHand: false }).map(({ variant, mode }) => cellOf(variant, mode)))
        .size,
    ).toBe(10)
  })
})
