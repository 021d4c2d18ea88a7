import { durationText } from './duration.ts'
import { plain, type Ink } from './ink.ts'
import { extentOf, type Row } from './rows.ts'
import { clean } from './text.ts'

const NAME = 40
const BAR = 44
const SHOWN = 40

/** One trace, or what should be one, as bars: waits hatched, links dashed, strays marked. */
export function waterfall(rows: readonly Row[], ink: Ink = plain): string {
  if (rows.length === 0) return ''
  const { start, end } = extentOf(rows)
  const scale = BAR / (end - start)
  const shown = rows.slice(0, SHOWN)
  const lines = shown.map((row) => {
    const { span } = row
    const from = Math.min(BAR - 1, Math.floor((span.start - start) * scale))
    const length = Math.max(1, Math.min(BAR - from, Math.round((span.end - span.start) * scale)))
    const bar = (row.isTransit ? '░' : '█').repeat(length)
    const painted = row.isTransit ? ink('yellow', bar) : row.isStray ? ink('red', bar) : ink('blue', bar)
    const lead =
      row.link === undefined
        ? ' '.repeat(from)
        : `${' '.repeat(Math.max(0, from - 3))}${'╌'.repeat(Math.min(3, from))}`
    const branch =
      row.depth === 0 ? (row.isStray ? '✂ ' : '') : `${'  '.repeat(Math.min(row.depth, 8) - 1)}└─ `
    const name = fit(`${branch}${clean(span.name)} · ${clean(span.service)}`)
    const room = ' '.repeat(BAR - from - length)
    return `${row.isStray ? ink('red', name) : name} ${lead}${painted}${room} ${ink('dim', durationText(span.end - span.start))}`
  })
  if (rows.length > SHOWN) lines.push(ink('dim', `… and ${rows.length - SHOWN} more spans`))
  return `${lines.join('\n')}\n`
}

function fit(text: string): string {
  return text.length > NAME ? `${text.slice(0, NAME - 1)}…` : text.padEnd(NAME)
}
