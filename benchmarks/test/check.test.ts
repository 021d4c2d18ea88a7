import { describe, expect, it } from 'vitest'
import { faultsOf } from '../src/check.ts'
import type { Job } from '../src/job.ts'
import type { Shape, SpanShape } from '../src/shape.ts'

const job: Job = { broker: 'kafka', variant: 'ours', mode: 'traced', url: '', warmUp: 100, messages: 200 }

const span = (count: number, continued = count): SpanShape => ({
  name: 'a',
  kind: 0,
  attributes: {},
  links: 0,
  count,
  continued,
})
const point = (instrument: string, count: number) => ({ instrument, attributes: {}, boundaries: [1], count })
const nothing: Shape = { spans: {}, otherSpans: 0, points: [] }
const points = [point('messaging.process.duration', 300), point('waybill.transit.duration', 300)]
const all: Shape = {
  spans: { producer: span(3, 0), transit: span(300), process: span(300) },
  otherSpans: 0,
  points,
}

describe('faultsOf', () => {
  it('is content with everything that was to arrive, warm-up included', () => {
    expect(faultsOf(job, 100, all)).toEqual([])
  })

  it('finds a benchmark that measures nothing', () => {
    expect(faultsOf(job, 100, nothing)).not.toEqual([])
    expect(faultsOf({ ...job, variant: 'peer' }, 1, nothing)).toContain(
      '0 producer spans where 300 were expected',
    )
    expect(faultsOf({ ...job, mode: 'sampled out' }, 100, nothing)).not.toEqual([])
  })

  it('finds a dropped span', () => {
    const dropped = { ...all, spans: { ...all.spans, transit: span(299) } }
    expect(faultsOf(job, 100, dropped)).toEqual(['299 transit spans where 300 were expected'])
  })

  it('finds consumer spans that are roots', () => {
    const broken = { ...all, spans: { ...all.spans, process: span(300, 0) } }
    expect(faultsOf(job, 100, broken)).toEqual([
      '0 consumer spans in the trace of their producer where 300 were expected',
    ])
  })

  it('finds spans where there were to be none', () => {
    for (const mode of ['sampled out', 'no SDK'] as const) {
      expect(faultsOf({ ...job, mode, variant: 'peer' }, 1, { ...all, points: [] })).not.toEqual([])
    }
    expect(faultsOf({ ...job, variant: 'bare' }, 1, all)).not.toEqual([])
  })

  it('wants metrics of ours though the trace is sampled out, and none without an SDK', () => {
    expect(faultsOf({ ...job, mode: 'sampled out' }, 100, { ...nothing, points })).toEqual([])
    expect(faultsOf({ ...job, mode: 'no SDK' }, 100, nothing)).toEqual([])
    expect(faultsOf({ ...job, mode: 'no SDK' }, 100, { ...nothing, points })).not.toEqual([])
  })

  it('lets a peer have spans of its own', () => {
    expect(faultsOf({ ...job, variant: 'peer' }, 100, { ...all, otherSpans: 7, points: [] })).toEqual([])
    expect(faultsOf(job, 100, { ...all, otherSpans: 7 })).toEqual(['7 other spans where 0 were expected'])
  })
})
