import { inkFor, type Ink } from '../report/ink.ts'
import type { Terminal } from '../report/report.ts'
import { clean } from '../report/text.ts'
import type { Ledger, Sum } from './ledger.ts'

/** More lines are for programs. */
const SHOWN = 20

/** Prints what was used by whom; gives the exit code. */
export function reportCost(
  ledger: Ledger,
  spans: number,
  currency: string | undefined,
  format: 'table' | 'json',
  { out, err, env }: Terminal,
): number {
  if (format === 'json') {
    out.write(`${JSON.stringify({ version: 1, currency: currency ?? null, ...ledger }, null, 2)}\n`)
  } else out.write(tableOf(ledger, currency, inkFor(out, env)))
  if (spans > 0) return 0
  err.write('waybill-doctor: no spans at all: nothing was counted\n')
  return 2
}

function tableOf(ledger: Ledger, currency: string | undefined, ink: Ink): string {
  const line = (name: string, sum: Sum): string =>
    `  ${clean(name).slice(0, 40).padEnd(40)} ${String(sum.calls).padStart(6)} ${String(sum.tokens.input).padStart(10)} ${String(sum.tokens.output).padStart(10)}${currency === undefined && sum.cost === 0 ? '' : ` ${sum.cost.toFixed(4).padStart(12)} ${currency ?? ''}`}`.trimEnd()
  const section = <T>(title: string, items: readonly T[], text: (item: T) => string): string[] =>
    items.length === 0
      ? []
      : [
          '',
          ink('bold', title),
          ...items.slice(0, SHOWN).map(text),
          ...(items.length > SHOWN ? [`  … and ${items.length - SHOWN} more`] : []),
        ]
  const lines = [
    `  ${''.padEnd(40)} ${'calls'.padStart(6)} ${'input'.padStart(10)} ${'output'.padStart(10)}`,
    line(ledger.incomplete.length === 0 ? 'total' : 'total, at least', ledger.total),
    line('  wasted: failed or repeated attempts', ledger.wasted),
    line('  late: after its agent had ended', ledger.late),
    line('  reported: totals without their calls', ledger.reported),
    ...section('by agent, itself', ledger.agents, ({ agent, self }) => line(agent, self)),
    ...section('by agent, with all below it', ledger.agents, ({ agent, subtree }) => line(agent, subtree)),
    ...section('by role', ledger.roles, ({ role, sum }) => line(role, sum)),
    ...section('by queue', ledger.hops, ({ destination, sum }) => line(destination, sum)),
    ...section('by trace', ledger.traces, ({ traceId, sum }) => line(traceId, sum)),
    ...section('by conversation', ledger.conversations, ({ conversation, joined, fragments }) =>
      line(`${conversation} (${fragments.length} traces)`, joined),
    ),
    ...section(
      'unpriced',
      ledger.unpriced,
      ({ model, calls }) => `  ${clean(model)}: ${calls} calls, not in the cost`,
    ),
    ...section('lower bounds, because', ledger.incomplete, (reason) => `  ${reason}`),
  ]
  return `${lines.join('\n')}\n`
}
