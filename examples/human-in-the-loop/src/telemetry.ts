import { writeFileSync } from 'node:fs'
import process from 'node:process'
import { context, propagation, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from '@opentelemetry/core'
import { TracerProvider } from '@opentelemetry/sdk-trace'
import { spanRecorder, type RecordedSpan } from '@waybill/core/testing'

/** A span as one process writes it down for the other. */
export type WrittenSpan = Omit<RecordedSpan, 'spanContext'> & { readonly self: object }

/** The SDK as any application sets it up; what it recorded goes to `file` when the process ends. */
export function startTelemetry(file: string): void {
  const recorder = spanRecorder()
  trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [recorder] }))
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  propagation.setGlobalPropagator(
    new CompositePropagator({ propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()] }),
  )
  process.on('exit', () => {
    const spans = recorder.spans.map((span) => {
      const { name, attributes, startTime, endTime, parentSpanContext } = span
      return { name, attributes, startTime, endTime, parentSpanContext, self: span.spanContext() }
    })
    writeFileSync(file, JSON.stringify(spans))
  })
}
