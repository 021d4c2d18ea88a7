import { describe, expect, it } from 'vitest'
import { brokers, modes } from '../src/job.ts'
import type { Row } from '../src/statistics.ts'
import { legendOf, tableOf } from '../src/table.ts'

const row: Row = {
  broker: 'bullmq',
  mode: 'traced',
  bareUs: 112.34,
  peerUs: 101.26,
  oursUs: 123.45,
  floorUs: 99.99,
  target: 60.76,
  pass: false,
  rounds: 9,
  messages: 20_000,
  ranges: { bareUs: [100, 150.2], peerUs: [99.9, 200.1], oursUs: [100.1, 300.3], floorUs: [90.1, 110.2] },
}

describe('tableOf', () => {
  it('fits into 100 columns with large figures', () => {
    for (const broker of brokers) {
      const text = tableOf(modes.map((mode) => ({ ...row, broker, mode })))
      for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(100)
    }
    for (const line of legendOf(9).split('\n')) expect(line.length).toBeLessThanOrEqual(100)
  })

  it('says what is missed, by how much and against which limit', () => {
    const line = tableOf([row]).split('\n').at(-1)
    expect(line).toMatch(
      /^traced +123\.5 \(100\.1–300\.3\) +101\.3 \(.+\) +100\.0 \(.+\) +1\.23× +1\.22× +60\.8 +short$/,
    )
  })

  it('gives no ratio to a cost that is lost in the noise or does not exist', () => {
    const ranges = { ...row.ranges, peerUs: null }
    const quiet = {
      ...row,
      mode: 'no SDK',
      oursUs: -0.2,
      peerUs: null,
      floorUs: 0.4,
      target: 1,
      pass: true,
      ranges,
    } as const
    expect(tableOf([quiet]).split('\n').at(-1)).toMatch(
      /^no SDK +-0\.2 \(.+\) +– +0\.4 \(.+\) +– +– +1\.0 +pass$/,
    )
  })
})
