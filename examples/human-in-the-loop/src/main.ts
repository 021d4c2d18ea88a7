// A person is asked, is not there, and is asked again by a process that did not live then: one trace. Needs REDIS_URL.
import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { traceTree, type RecordedSpan } from '@waybill/core/testing'
import { Queue } from 'bullmq'
import type { WrittenSpan } from './telemetry.ts'

const folder = mkdtempSync(path.join(os.tmpdir(), 'waybill-example-'))
const queue = `approvals-${randomUUID()}`
const spans = ['ask', 'resume'].flatMap((life) => {
  const file = path.join(folder, `${life}.json`)
  const clerk = path.join(import.meta.dirname, 'clerk.ts')
  const said = execFileSync(process.execPath, [...process.execArgv, clerk, life, queue, file], {
    encoding: 'utf8',
  })
  console.log(`${life}: ${said.trim() || 'nobody there, the process ends'}`)
  return JSON.parse(readFileSync(file, 'utf8')) as WrittenSpan[]
})
rmSync(folder, { recursive: true })
const approvals = new Queue(queue, {
  connection: { url: process.env['REDIS_URL'] ?? 'redis://localhost:6379' },
})
await approvals.obliterate({ force: true })
await approvals.close()

const recorded = spans.map(({ self, ...span }) => ({ ...span, spanContext: () => self }) as RecordedSpan)
const shown = ['waybill.transit.scheduled_delay', 'app.agent.delegation.depth', 'app.agent.caller']
console.log(traceTree(recorded, { attributes: shown }).replaceAll(queue, 'approvals'))
// Only the clerk's two runs are work; what lies between them is waiting.
const seconds = ([whole, nanos]: readonly [number, number]): number => whole + nanos / 1e9
const runs = recorded.filter(({ name }) => name === 'invoke_agent clerk')
const [first, last] = [
  Math.min(...runs.map((run) => seconds(run.startTime))),
  Math.max(...runs.map((run) => seconds(run.endTime))),
]
const work = runs.reduce((sum, run) => sum + seconds(run.endTime) - seconds(run.startTime), 0)
console.log(`from question to payment: ${(last - first).toFixed(2)} s, of it at work: ${work.toFixed(2)} s`)
console.log(`traces: ${new Set(recorded.map((span) => span.spanContext().traceId)).size}`)
