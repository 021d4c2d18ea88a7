import { diagnoseExport, formatDiagnosis, type Diagnosis } from '@waybill/doctor'
import type { Ink } from '../waterfall/ink.ts'
import type { RunResult } from './run.ts'

/** What the doctor says about both runs. */
export interface Verdicts {
  readonly before: Diagnosis
  readonly after: Diagnosis
}

export function examine(before: RunResult, after: RunResult): Verdicts {
  return { before: diagnoseExport(before.export), after: diagnoseExport(after.export) }
}

/** As `waybill-doctor` prints it. */
export function printVerdicts({ before, after }: Verdicts, ink: Ink): void {
  for (const [name, diagnosis] of [
    ['without Waybill', before],
    ['with Waybill', after],
  ] as const) {
    console.log(`  ${ink.strong(name)}`)
    for (const line of formatDiagnosis(diagnosis).trimEnd().split('\n')) console.log(`  ${line}`.trimEnd())
    console.log()
  }
}

/** What the doctor must see, else it or the demo is broken. */
export function faultsOfVerdicts({ before, after }: Verdicts): string[] {
  const faults: string[] = []
  if (before.findings.length === 0) faults.push('the doctor found nothing in the run without Waybill')
  for (const { message } of after.findings)
    faults.push(`the doctor found a fault in the run with Waybill: ${message}`)
  return faults
}
