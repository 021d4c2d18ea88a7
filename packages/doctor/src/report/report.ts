import { writeFileSync } from 'node:fs'
import { diagnose, type Diagnosis } from '../diagnose.ts'
import type { DiagnosisOptions, OutputFormat } from '../diagnosis-options.ts'
import { exitOf, type Exit } from '../exit.ts'
import type { InputFacts } from '../input/read.ts'
import type { SpanModel } from '../model/spans.ts'
import type { Settings } from '../settings.ts'
import { html } from './html.ts'
import { inkFor } from './ink.ts'
import { json } from './json.ts'
import { mermaid } from './mermaid.ts'
import { rowsOf, worstTraces } from './rows.ts'
import { sarif } from './sarif.ts'
import { table } from './table.ts'
import { clean } from './text.ts'
import { waterfall } from './waterfall.ts'

/** Where a command writes to, and what it reads its surroundings from. */
export interface Terminal {
  readonly out: Writable
  readonly err: Writable
  readonly env: NodeJS.ProcessEnv
}

interface Writable {
  readonly isTTY?: boolean
  write(text: string): unknown
}

/** Diagnoses, prints or writes it in the wanted form, and gives the exit code. */
export function report(
  model: SpanModel,
  input: InputFacts,
  settings: Settings,
  { format, output }: Pick<DiagnosisOptions, 'format' | 'output'>,
  terminal: Terminal,
): number {
  const diagnosis = diagnose(model, input, settings)
  const exit = exitOf(diagnosis, settings.failOn)
  if (output !== undefined) {
    writeFileSync(output, render(format, diagnosis, model, exit, terminal, true))
    terminal.out.write(render('table', diagnosis, model, exit, terminal))
  } else terminal.out.write(render(format, diagnosis, model, exit, terminal))
  if (exit.code === 2) terminal.err.write(`waybill-doctor: ${exit.reason}\n`)
  return exit.code
}

function render(
  format: OutputFormat,
  diagnosis: Diagnosis,
  model: SpanModel,
  exit: Exit,
  { out, env }: Terminal,
  isFile = false,
): string {
  switch (format) {
    case 'json':
      return json(diagnosis, exit)
    case 'sarif':
      return sarif(diagnosis)
    case 'html':
      return html(diagnosis, model)
    case 'mermaid':
      return mermaid(diagnosis, model)
    case 'table': {
      const ink = inkFor(isFile ? {} : out, isFile ? {} : env)
      const [worst] = worstTraces(diagnosis)
      const drawing =
        worst === undefined ? '' : `\n${clean(worst.title)}\n${waterfall(rowsOf(model, worst.traces), ink)}`
      return `${table(diagnosis, ink)}${drawing}`
    }
  }
}
