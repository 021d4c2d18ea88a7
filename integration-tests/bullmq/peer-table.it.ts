import { readFileSync } from 'node:fs'
import path from 'node:path'
import { bullmqTelemetry, type BullmqTelemetry } from '@waybill/bullmq'
import { BullMQOtel } from 'bullmq-otel'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { reachRows } from './peer-reach-rows.ts'
import { peerRows, type PeerRow } from './peer-rows.ts'
import { bullmqScratch } from './scratch.ts'
import { onBackends, type Suite } from './suite.ts'

/*
 * The table in the README of @waybill/bullmq: each row is run with both, and says what was found. A row that changes, on
 * either side, fails until the README says so.
 */
const readme = path.resolve(import.meta.dirname, '../../packages/bullmq/README.md')
const reach = reachRows()
const rows = [...peerRows, ...reach.rows].toSorted(([a], [b]) => Number(a) - Number(b))

/** A line of the table as its cells, whatever the width that a formatter gave them. */
const cells = (line: string): string => line.replaceAll(/\s*\|\s*/g, '|').replaceAll(/-+/g, '-')
const marked = /<!-- peer table -->\n+([\s\S]*?)\n+<!-- end -->/
const inReadme = (marked.exec(readFileSync(readme, 'utf8'))?.[1] ?? '').split('\n')

const peerOf = (): BullmqTelemetry =>
  new BullMQOtel({ tracerName: 'peer', enableMetrics: true }) as unknown as BullmqTelemetry
const oursOf = (): BullmqTelemetry => bullmqTelemetry({ bulkSpans: true })

describe('beside bullmq-otel', () => {
  const found: string[] = []
  afterAll(() => {
    reach.remove()
    console.log([...inReadme.slice(0, 2), ...found].join('\n'))
  })

  test('the table in the README has these rows and no others', () => {
    const named = inReadme.slice(2).map((line) => cells(line).split('|').slice(1, 3))
    expect(named).toEqual(rows.map(([behaviour, what]) => [behaviour, what]))
  })

  onBackends(['ioredis'], (suite) => {
    test.each(rows)(
      'bullmq-%s: beside bullmq-otel, as the README says: %s',
      { timeout: 30_000 },
      async (behaviour, what, find) => {
        const ours = await benched(suite, oursOf(), true, find)
        const peer = await benched(suite, peerOf(), false, find)
        const line = `| ${behaviour} | ${what} | ${ours} | ${peer} |`
        found.push(line)
        expect(inReadme.map(cells)).toContain(cells(line))
      },
    )
  })
})

async function benched(
  suite: Suite,
  telemetry: BullmqTelemetry,
  isOurs: boolean,
  find: PeerRow[2],
): Promise<string> {
  suite.telemetry.recorder.reset()
  const scratch = bullmqScratch(suite.backend)
  try {
    return await find({
      telemetry,
      isOurs,
      suite,
      scratch,
      // The peer puts the job's name into that of the span.
      spans: (operation) => suite.spans(operation),
      all: () => suite.telemetry.recorder.spans,
      series: (metric) => suite.telemetry.series(metric),
      processed: (count) =>
        vi.waitFor(
          () => {
            expect(suite.spans('process').length).toBeGreaterThanOrEqual(count)
            return suite.spans('process')
          },
          { timeout: 5000, interval: 5 },
        ),
    })
  } finally {
    await scratch.close()
    await vi.waitFor(() => expect(suite.telemetry.recorder.open).toEqual([]))
    suite.telemetry.recorder.reset()
  }
}
