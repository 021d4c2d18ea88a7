// The leak matrix in a process without vitest, hence under any Node.js: prints what becomes of each case.
import './sdk.mjs'
import process from 'node:process'
import { trace } from '@opentelemetry/api'
import { contextVerdict, spanRecorder } from '@waybill/core/testing'
import { sdk } from '../../otel-sdk-3/sdk.ts'
import { useRedis } from '../case.ts'
import { batchSpans, cases, mendedVerdict } from '../matrix.ts'
import { batchers } from '../queues.ts'

const url = process.argv[2] ?? ''
useRedis(url)
const recorder = spanRecorder()
trace.setGlobalTracerProvider(sdk.tracerProvider(recorder, true))

const verdicts = {}
for (const { name, scenario, mended, needsRedis } of cases) {
  if (needsRedis && url === '') continue
  verdicts[name] = [(await contextVerdict(scenario)).verdict]
  if (mended !== undefined) verdicts[name].push(await mendedVerdict(mended.scenario))
}
const batches = {}
for (const { name, run } of batchers) {
  recorder.reset()
  const { active } = await batchSpans(run)
  const [batch, ...others] = recorder.spans
  batches[name] = {
    roots: batch.parentSpanContext === undefined && others.length === 0 ? 1 : 0,
    links: batch.links.length,
    callers: active.filter((span) => span === batch).length,
  }
}
process.stdout.write(JSON.stringify({ node: process.version, verdicts, batches }))
