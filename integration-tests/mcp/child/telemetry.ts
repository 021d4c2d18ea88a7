// An SDK in a server's own process, which writes its ended spans to the file named by SPANS_FILE at exit.
import { writeFileSync } from 'node:fs'
import process from 'node:process'
import { context, propagation, trace } from '@opentelemetry/api'
import { spanRecorder } from '@waybill/core/testing'
import { sdk } from '../../otel-sdk-3/sdk.ts'
import { written } from '../written-span.ts'

const recorder = spanRecorder()
context.setGlobalContextManager(sdk.contextManager().enable())
propagation.setGlobalPropagator(sdk.propagator())
trace.setGlobalTracerProvider(sdk.tracerProvider(recorder, true))

process.on('exit', () => {
  writeFileSync(
    process.env['SPANS_FILE'] ?? '',
    JSON.stringify({ spans: recorder.spans.map(written), open: recorder.open }),
  )
})
