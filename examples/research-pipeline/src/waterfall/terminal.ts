import type { Interval } from '../spans/intervals.ts'
import { isTransit, type ReceivedSpan } from '../spans/span.ts'
import { treeRows, type TreeRow } from '../spans/tree.ts'
import { formatTick, frameOf, ticks } from './axis.ts'
import { formatDuration } from './duration.ts'
import { type Ink, plain } from './ink.ts'

interface TerminalOptions {
  /** Columns of the terminal. */
  readonly width?: number
  readonly ink?: Ink
}

const DURATION_WIDTH = 8
/** Below this nothing can be seen of a bar; then rather the names are cut. */
const LEAST_BAR_WIDTH = 20

/** The waterfall of a trace as lines of text: time in a queue is hatched, work is solid. */
export function terminalWaterfall(
  spans: readonly ReceivedSpan[],
  { width = 100, ink = plain }: TerminalOptions = {},
): string[] {
  if (spans.length === 0) return []
  const rows = treeRows(spans)
  const frame = frameOf(spans)
  const agentWidth = longest(['agent', ...rows.map(({ span }) => span.agent)])
  const free = width - agentWidth - DURATION_WIDTH - 4
  const labelWidth = Math.min(longest(rows.map(labelOf)), free - LEAST_BAR_WIDTH)
  const barWidth = free - labelWidth

  const header = `${fit('agent', agentWidth)} ${fit('span', labelWidth)}  ${ruler(frame, barWidth)}`
  return [
    ink.faint(header.trimEnd()),
    ...rows.map((row) => {
      const { span } = row
      const colour = isTransit(span) ? ink.transit : ink.work
      const [gap, bar] = barOf(span, frame, barWidth)
      const rest = ' '.repeat(barWidth - gap - bar.length)
      const label = fit(labelOf(row), labelWidth)
      return [
        `${ink.faint(fit(span.agent, agentWidth))} ${isTransit(span) ? ink.transit(label) : label}`,
        `${' '.repeat(gap)}${colour(bar)}${rest} ${formatDuration(span.end - span.start).padStart(DURATION_WIDTH)}`,
      ].join('  ')
    }),
  ]
}

/** One column for each level, since a message that crosses four queues lies deep in its trace. */
function labelOf({ span, lastOnLevels }: TreeRow): string {
  const [, ...levels] = lastOnLevels
  const guides = levels.map((last, i) => (i === levels.length - 1 ? (last ? '└' : '├') : last ? ' ' : '│'))
  return `${guides.join('')}${span.name}${span.failed ? ' ✖' : ''}`
}

/** Columns before the bar, and the bar, which takes up a column at least. */
function barOf(span: ReceivedSpan, frame: Interval, width: number): [gap: number, bar: string] {
  const columns = (time: number): number => ((time - frame.start) / (frame.end - frame.start)) * width
  const from = Math.min(Math.floor(columns(span.start) + 1e-6), width - 1)
  const to = Math.min(Math.max(Math.round(columns(span.end)), from + 1), width)
  const [short, full] = isTransit(span) ? ['░', '▒'] : ['▏', '█']
  return [from, columns(span.end) - columns(span.start) < 0.5 ? short : full.repeat(to - from)]
}

function ruler(frame: Interval, width: number): string {
  const marks = Array<string>(width).fill(' ')
  for (const tick of ticks(frame, Math.max(1, Math.floor(width / 10)))) {
    const text = formatTick(tick)
    const at = Math.round((tick / (frame.end - frame.start)) * width)
    if (at + text.length <= width) marks.splice(at, text.length, ...text.split(''))
  }
  return marks.join('')
}

function longest(texts: readonly string[]): number {
  return Math.max(...texts.map((text) => text.length))
}

function fit(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}…` : text.padEnd(width)
}
