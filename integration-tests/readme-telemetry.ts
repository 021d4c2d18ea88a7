// Preloaded into every README example: an SDK that writes the ended spans to the file named by SPANS_FILE at exit.
import { writeFileSync } from 'node:fs'
import process from 'node:process'
import { context, diag, DiagConsoleLogger, DiagLogLevel, propagation, trace } from '@opentelemetry/api'
import { spanRecorder } from '@waybill/core/testing'
import { sdk } from './otel-sdk-3/sdk.ts'

/** What the test reads back. */
export interface WrittenSpan {
  readonly name: string
  readonly kind: number
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string | undefined
  readonly attributes: Readonly<Record<string, unknown>>
}

const recorder = spanRecorder()
if (process.env['DIAG'] !== undefined) diag.setLogger(new DiagConsoleLogger(), DiagLogLevel.WARN)
context.setGlobalContextManager(sdk.contextManager().enable())
propagation.setGlobalPropagator(sdk.propagator())
trace.setGlobalTracerProvider(sdk.tracerProvider(recorder, true))

process.on('exit', () => {
  const spans: WrittenSpan[] = recorder.spans.map((span) => ({
    name: span.name,
    kind: span.kind,
    traceId: span.spanContext().traceId,
    spanId: span.spanContext().spanId,
    parentSpanId: span.parentSpanContext?.spanId,
    attributes: span.attributes,
  }))
  writeFileSync(process.env['SPANS_FILE'] ?? '', JSON.stringify({ spans, open: recorder.open }))
})
