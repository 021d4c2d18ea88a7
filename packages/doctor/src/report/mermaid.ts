import type { Diagnosis } from '../diagnose.ts'
import type { SpanModel } from '../model/spans.ts'
import { extentOf, rowsOf, worstTraces } from './rows.ts'
import { clean } from './text.ts'

const SHOWN = 40

/** A gantt chart of the worst case, for issues and pull requests. */
export function mermaid(diagnosis: Diagnosis, model: SpanModel): string {
  const [worst] = worstTraces(diagnosis)
  const traces = worst?.traces ?? [...model.traces.keys()].slice(0, 1)
  const rows = rowsOf(model, traces).slice(0, SHOWN)
  const { start } = rows.length === 0 ? { start: 0 } : extentOf(rows)
  const lines = [
    'gantt',
    `  title ${label(worst?.title ?? 'no findings')}`,
    '  dateFormat x',
    '  axisFormat %S.%L s',
  ]
  let section = ''
  for (const { span, isTransit, isStray } of rows) {
    if (span.service !== section) {
      section = span.service
      lines.push(`  section ${label(section)}`)
    }
    const from = Math.round((span.start - start) / 1000)
    // A gantt chart shows nothing shorter than its unit.
    const length = Math.max(1, Math.round((span.end - span.start) / 1000))
    const tag = isTransit ? 'done, ' : isStray ? 'crit, ' : ''
    lines.push(`  ${label(span.name)} : ${tag}${from}, ${from + length}`)
  }
  return `${lines.join('\n')}\n`
}

/** These have a meaning in Mermaid. */
function label(text: string): string {
  return (
    clean(text)
      .replaceAll(/[:;#,<>%"`{}]/g, ' ')
      .replaceAll(/\s+/g, ' ')
      .trim() || 'span'
  )
}
