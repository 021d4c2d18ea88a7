import type { PathRow } from './path.ts'
import type { Row } from './statistics.ts'
import { workloads } from './workload.ts'

const COLUMNS = ['mode', 'ours', 'peer', 'SDK floor', '/floor', '/peer', 'limit', ''] as const
const WIDTHS = [11, 19, 19, 19, 6, 6, 5, 5] as const

/** The rows of one broker for people to read, at most 100 columns wide. */
export function tableOf(rows: readonly Row[]): string {
  const [first] = rows
  if (first === undefined) return ''
  const { title, description, peer } = workloads[first.broker]
  return [
    `${title}: ${description}`,
    `bare ${withRange(first.bareUs, first.ranges.bareUs)} µs a message; peer: ${peer ?? 'none that carries context'}`,
    line(COLUMNS),
    ...rows.flatMap((row) => [
      line([
        row.mode,
        withRange(row.oursUs, row.ranges.oursUs),
        row.peerUs === null || row.ranges.peerUs === null ? '–' : withRange(row.peerUs, row.ranges.peerUs),
        withRange(row.floorUs, row.ranges.floorUs),
        ratio(row.oursUs, row.floorUs),
        ratio(row.oursUs, row.peerUs),
        row.target.toFixed(1),
        row.pass ? 'pass' : 'short',
      ]),
      ...byHandLine(row),
    ]),
  ].join('\n')
}

function byHandLine({ byHandUs, oursUs, ranges }: Row): string[] {
  if (byHandUs === undefined || ranges.byHandUs === undefined) return []
  return [`  by hand   ${withRange(byHandUs, ranges.byHandUs)}; ours ${ratio(oursUs, byHandUs)} of it`]
}

const PATH_WIDTHS = [14, 26, 13, 13, 5] as const

/** The rows of single paths. */
export function pathTableOf(rows: readonly PathRow[]): string {
  const cells = (texts: readonly string[]): string => line(texts, PATH_WIDTHS)
  return [
    cells(['', 'single paths', 'ours', 'limit', '']),
    ...rows.map(({ broker, mode, unit, oursUs, target, pass }) =>
      cells([
        broker,
        mode,
        `${oursUs.toFixed(1)} ${unit}`,
        `${target.toFixed(1)} ${unit}`,
        pass ? 'pass' : 'short',
      ]),
    ),
  ].join('\n')
}

/** What the figures of the tables are. */
export function legendOf(rounds: number): string {
  return [
    `Added CPU time, µs per message: median (min–max) of ${rounds} round${rounds === 1 ? '' : 's'}. Producer and consumer share a process.`,
    'limit: 1.25 × SDK floor and, traced, 60 % or, sampled out, 50 % of the peer; without an SDK 1 µs.',
    'A difference smaller than the range of bare is noise. See docs/performance.md.',
  ].join('\n')
}

function line(cells: readonly string[], widths: readonly number[] = WIDTHS): string {
  return cells
    .map((cell, i) => cell.padEnd(widths[i] ?? 0))
    .join(' ')
    .trimEnd()
}

function withRange(median: number, [min, max]: readonly [number, number]): string {
  return `${median.toFixed(1)} (${min.toFixed(1)}–${max.toFixed(1)})`
}

/** Of two added costs; without a meaning where one of them is lost in the noise. */
function ratio(ours: number, other: number | null): string {
  return other === null || other < 0.5 || ours <= 0 ? '–' : `${(ours / other).toFixed(2)}×`
}
