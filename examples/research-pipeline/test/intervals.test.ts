import { describe, expect, test } from 'vitest'
import { clip, coveredLength } from '../src/spans/intervals.ts'

describe('covered length', () => {
  test('counts an overlap once, in whatever order the intervals come', () => {
    expect(
      coveredLength([
        { start: 15, end: 30 },
        { start: 0, end: 20 },
      ]),
    ).toBe(30)
  })

  test('leaves out the gap between intervals', () => {
    expect(
      coveredLength([
        { start: 0, end: 10 },
        { start: 20, end: 25 },
      ]),
    ).toBe(15)
  })

  test('is not misled by an interval within an earlier one', () => {
    expect(
      coveredLength([
        { start: 0, end: 100 },
        { start: 10, end: 20 },
        { start: 90, end: 110 },
      ]),
    ).toBe(110)
  })

  test('is nothing for no intervals', () => {
    expect(coveredLength([])).toBe(0)
  })
})

test('clipping keeps what lies within the frame only', () => {
  const frame = { start: 10, end: 20 }
  const intervals = [
    { start: 0, end: 12 },
    { start: 18, end: 30 },
    { start: 0, end: 10 },
    { start: 25, end: 30 },
  ]
  expect(clip(intervals, frame)).toEqual([
    { start: 10, end: 12 },
    { start: 18, end: 20 },
  ])
})
