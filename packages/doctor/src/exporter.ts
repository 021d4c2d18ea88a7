import { createWriteStream, type WriteStream } from 'node:fs'
import type { SdkSpan } from './input/sdk-span.ts'
import { otlpRequest } from './otlp-request.ts'

/** As the SDK's `ExportResult`: 0 is success, 1 is failure. */
export interface FileExportResult {
  readonly code: number
  readonly error?: Error
}

/** A `SpanExporter` of SDK 2 and SDK 3. */
export interface OtlpFileExporter {
  export(spans: SdkSpan[], done: (result: FileExportResult) => void): void
  /** Resolves once all that was exported is handed to the file system. */
  forceFlush(): Promise<void>
  shutdown(): Promise<void>
}

/**
 * A span exporter that writes OTLP JSON lines, one request a line, as the OpenTelemetry Collector's file exporter does: what
 * `waybill-doctor`, Jaeger's UI and Grafana open. The file is made, or emptied, at the first export. A file that cannot be
 * written fails the export, never the application.
 *
 * @param path of the file, e.g. `traces.otlp.jsonl`
 * @example
 * new BatchSpanProcessor({ exporter: otlpFileExporter('traces.otlp.jsonl') }) // SDK 3
 * new BatchSpanProcessor(otlpFileExporter('traces.otlp.jsonl')) // SDK 2
 */
export function otlpFileExporter(path: string): OtlpFileExporter {
  let stream: WriteStream | undefined
  let failure: Error | undefined
  let stopped = false
  const written = new Set<Promise<void>>()

  const open = (): WriteStream => {
    stream ??= createWriteStream(path).on('error', (error) => {
      failure = error
    })
    return stream
  }

  return {
    export(spans, done) {
      if (stopped) {
        done({ code: 1, error: new Error('the exporter is shut down') })
        return
      }
      const line = `${JSON.stringify(otlpRequest(spans))}\n`
      const writing = new Promise<void>((resolve) => {
        open().write(line, (error) => {
          const cause = error ?? failure
          done(cause ? { code: 1, error: cause } : { code: 0 })
          resolve()
        })
      })
      written.add(writing)
      void writing.then(() => written.delete(writing))
    },
    async forceFlush() {
      await Promise.all(written)
    },
    async shutdown() {
      stopped = true
      await Promise.all(written)
      const closing = stream
      if (closing === undefined || closing.destroyed) return
      await new Promise<void>((resolve) => closing.end(() => resolve()))
    },
  }
}
