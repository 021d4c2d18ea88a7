import type { Diagnosis } from '../diagnose.ts'
import type { Exit } from '../exit.ts'
import { VERSION } from '../version.ts'

/** Of the report's shape; `schema/report.schema.json` describes it. Raised where a reader could break. */
const REPORT_VERSION = 1

/** The diagnosis for programs. The same input gives the same bytes. */
export function json(diagnosis: Diagnosis, exit: Exit): string {
  const { input, window, findings, limits, spans, traces, roots, tracesAfter } = diagnosis
  const report = {
    version: REPORT_VERSION,
    tool: { name: '@waybill/doctor', version: VERSION },
    input: {
      files: input.files,
      formats: input.formats,
      partial: input.partial,
      spans,
      traces,
      roots,
      window: spans === 0 ? null : { start: timeOf(window.start), end: timeOf(window.end) },
      warnings: input.warnings,
    },
    findings,
    tracesAfter,
    limits,
    exit,
  }
  return `${JSON.stringify(report, null, 2)}\n`
}

function timeOf(micros: number): string {
  return new Date(micros / 1000).toISOString()
}
