import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { installSdk, type TestTelemetry } from '../../../integration-tests/telemetry.ts'
import { otlpFileExporter, type FileExportResult, type OtlpFileExporter } from '../src/exporter.ts'
import type { RawSpan } from '../src/input/raw-span.ts'
import { readSources } from '../src/input/read.ts'
import { rawSpanOf, type SdkSpan } from '../src/input/sdk-span.ts'
import { sourcesOf } from '../src/input/source.ts'

let folder: string
let telemetry: TestTelemetry
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'waybill-doctor-exporter-'))
  telemetry = installSdk()
})
afterEach(async () => {
  await telemetry.uninstall()
  rmSync(folder, { recursive: true })
})

function someSpans(): SdkSpan[] {
  const tracer = trace.getTracer('app', '1.2.3')
  const sent = tracer.startSpan('xadd jobs', {
    kind: SpanKind.PRODUCER,
    attributes: { n: 1, share: 0.5, ok: true, list: ['a', 'b'] },
  })
  sent.addEvent('stored', { id: '1-0' })
  sent.setStatus({ code: SpanStatusCode.ERROR, message: 'late' })
  sent.end()
  const links = [{ context: sent.spanContext(), attributes: { 'messaging.message.id': '1-0' } }]
  tracer.startSpan('process jobs', { kind: SpanKind.CONSUMER, links, root: true }).end()
  return [...telemetry.recorder.spans] as unknown as SdkSpan[]
}

function exported(exporter: OtlpFileExporter, spans: SdkSpan[]): Promise<FileExportResult> {
  return new Promise((resolve) => {
    exporter.export(spans, resolve)
  })
}

describe('the file exporter', () => {
  test('writes what the doctor reads back as the same spans, one request a line', async () => {
    const file = path.join(folder, 'traces.jsonl')
    const exporter = otlpFileExporter(file)
    const spans = someSpans()
    expect(await exported(exporter, spans.slice(0, 1))).toEqual({ code: 0 })
    expect(await exported(exporter, spans.slice(1))).toEqual({ code: 0 })
    await exporter.forceFlush()
    await exporter.shutdown()
    expect(readFileSync(file, 'utf8').trimEnd().split('\n')).toHaveLength(2)
    const read: RawSpan[] = []
    const { formats } = await readSources(await sourcesOf([file]), (span) => read.push(span))
    expect(formats).toEqual(['otlp-lines'])
    const same = spans.map(rawSpanOf)
    // The recorder's spans have a resource of the SDK's own making.
    const plain = (list: readonly RawSpan[]): RawSpan[] =>
      list.map((span) => ({ ...span, resource: {}, traceState: '' }))
    expect(plain(read)).toEqual(plain(same))
    expect(read[0]?.flags).toBe(0x101)
  })

  test('a file that cannot be written fails the export and nothing else', async () => {
    const exporter = otlpFileExporter(path.join(folder, 'none', 'traces.jsonl'))
    expect((await exported(exporter, someSpans())).code).toBe(1)
    await exporter.shutdown()
  })

  test('after shutdown nothing is written', async () => {
    const exporter = otlpFileExporter(path.join(folder, 'traces.jsonl'))
    await exporter.shutdown()
    expect((await exported(exporter, someSpans())).code).toBe(1)
  })
})
