import { diagnose, type Diagnosis } from './diagnose.ts'
import { readDocument } from './input/document.ts'
import { rawSpanOf, type SdkSpan } from './input/sdk-span.ts'
import { collectSpans } from './model/spans.ts'
import { table } from './report/table.ts'
import { checkSettings, levels, type Settings } from './settings.ts'

/** Diagnoses the spans of this process, as an in-memory exporter of SDK 2 or SDK 3 has them. */
export function diagnoseSpans(spans: Iterable<SdkSpan>, settings: Partial<Settings> = {}): Diagnosis {
  checkSettings('diagnoseSpans', settings)
  const collector = collectSpans()
  for (const span of spans) collector.add(rawSpanOf(span))
  const input = { files: [], formats: ['in-process'], partial: false, warnings: [] } as const
  return diagnose(collector.model(), input, settings)
}

/**
 * Diagnoses an export that is at hand as parsed JSON: OTLP, Tempo, Jaeger or Zipkin, as the command line reads them.
 *
 * @throws TypeError if it is none of these
 */
export function diagnoseExport(value: unknown, settings: Partial<Settings> = {}): Diagnosis {
  checkSettings('diagnoseExport', settings)
  const collector = collectSpans()
  const { format, partial = false } = readDocument(value, (span) => collector.add(span))
  if (format === undefined) {
    throw new TypeError(
      '@waybill/doctor: diagnoseExport() expected an export of OTLP JSON, Tempo, Jaeger or Zipkin v2, got something else',
    )
  }
  const input = { files: [], formats: [format], partial, warnings: [] } as const
  return diagnose(collector.model(), input, settings)
}

/**
 * Throws unless every delivery among the spans hangs where it belongs, with the text of the command line. Flush first: what
 * has not ended or was not exported is not there to be judged.
 *
 * @param spans ended spans, e.g. `exporter.getFinishedSpans()`; none at all is an error, too
 * @param settings as the configuration file has them; `failOn` decides what throws, by default `certain` findings only
 * @throws Error with the findings as text; WaybillTypeError on a bad setting
 * @example
 * await provider.forceFlush()
 * assertConnected(exporter.getFinishedSpans())
 */
export function assertConnected(spans: Iterable<SdkSpan>, settings: Partial<Settings> = {}): void {
  const failure = failureOf(spans, settings)
  if (failure !== undefined) throw new Error(failure)
}

/** What `assertConnected` would say; `undefined` if all is well. */
export function failureOf(spans: Iterable<SdkSpan>, settings: Partial<Settings>): string | undefined {
  const diagnosis = diagnoseSpans(spans, settings)
  if (diagnosis.spans === 0) {
    return 'no spans at all: is an SDK registered, does its processor have the exporter, and was it flushed?'
  }
  const from = levels.indexOf(settings.failOn ?? 'certain')
  const findings = diagnosis.findings.filter(({ level }) => levels.indexOf(level) <= from)
  return findings.length === 0 ? undefined : table({ ...diagnosis, findings })
}
