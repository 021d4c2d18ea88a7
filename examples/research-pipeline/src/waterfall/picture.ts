import type { Interval } from '../spans/intervals.ts'
import { isTransit, type ReceivedSpan } from '../spans/span.ts'
import { treeRows, type TreeRow } from '../spans/tree.ts'
import { formatTick, frameOf, ticks } from './axis.ts'
import { Html, html } from './html.ts'
import type { PageRun } from './page-run.ts'

const PANEL = 500
const WIDTH = 2 * PANEL + 40
/** Left of the bars: names, and the dots that stand for roots. */
const GUTTER = 96
const BARS = PANEL - GUTTER - 14
const TOP = 66
const ROW = 7
const BAR = 5

/** A row with its place from top to bottom. */
interface Placed extends TreeRow {
  readonly y: number
}

/** Both runs side by side, to one scale: a row for each span, a dot for each root, lines from spans to those below them. */
export function picture(before: PageRun, after: PageRun, colours: ReadonlyMap<string, string>): Html {
  return drawing(before, after, colours, html``, html``)
}

/** The same as a file of its own. */
export function pictureFile(
  before: PageRun,
  after: PageRun,
  colours: ReadonlyMap<string, string>,
  style: string,
): string {
  const ground = html`<style>
      ${new Html(style)}</style
    ><rect width="100%" height="100%" rx="10" style="fill:var(--card)" />`
  const { text } = drawing(before, after, colours, new Html('xmlns="http://www.w3.org/2000/svg"'), ground)
  return `${text}\n`
}

function drawing(
  before: PageRun,
  after: PageRun,
  colours: ReadonlyMap<string, string>,
  namespace: Html,
  ground: Html,
): Html {
  const frames = [before, after].map(({ spans }) => frameOf(spans))
  const length = Math.max(...frames.map(({ start, end }) => end - start))
  const bottom = TOP + ROW * Math.max(before.spans.length, after.spans.length)
  const panels = [before, after].map((run, i) => {
    const { start } = frames[i] as Interval
    return panel(run, { start, end: start + length }, bottom, colours)
  })
  const label = `${titleOf('Without Waybill', before)}. ${titleOf('With Waybill', after)}.`
  return html`<svg
    ${namespace}
    class="picture"
    viewBox="0 0 ${WIDTH} ${bottom + 30}"
    role="img"
    aria-label="${label}"
  >
    ${ground}
    <text class="title bad" x="14" y="30">${titleOf('Without Waybill', before)}</text>
    <text x="14" y="48">${sessionsOf(before)}, each dot a root</text>
    ${panels[0] as Html}
    <g transform="translate(${PANEL + 26} 0)">
      <text class="title good" x="14" y="30">${titleOf('With Waybill', after)}</text>
      <text x="14" y="48">${sessionsOf(after)}, striped: a message waits</text>
      ${panels[1] as Html}
    </g>
  </svg>`
}

function titleOf(name: string, { connectedness: { traces, orphanRoots } }: PageRun): string {
  const orphans = orphanRoots.length
  return `${name}: ${traces} trace${traces === 1 ? '' : 's'}, ${orphans === 0 ? 'no' : orphans} orphan root${orphans === 1 ? '' : 's'}`
}

function sessionsOf({ journey: { spans, spansWithSession } }: PageRun): string {
  return `session.id on ${spansWithSession} of ${spans} spans`
}

function panel(
  { spans, connectedness: { orphanRoots } }: PageRun,
  frame: Interval,
  bottom: number,
  colours: ReadonlyMap<string, string>,
): Html {
  const x = (time: number): number =>
    round(GUTTER + ((time - frame.start) / (frame.end - frame.start)) * BARS)
  const rows = placed(spans, bottom)
  const orphans = new Set(orphanRoots)
  const marks = ticks(frame, 5).map((ms) => {
    const at = x(frame.start + ms)
    return html`<path class="grid" d="M${at} ${TOP - 4}V${bottom}" /><text
        x="${at}"
        y="${bottom + 16}"
        text-anchor="middle"
        >${formatTick(ms)}</text
      >`
  })
  const named = new Set<string>()
  const drawn = rows.map(({ span, depth, y }) => {
    const isRoot = depth === 0
    // A name for each root, and where an agent is first seen.
    const name = isRoot || !named.has(span.agent) ? label(span.agent, y) : html``
    named.add(span.agent)
    const dot = isRoot
      ? html`<circle
          class="${orphans.has(span) ? 'root orphan' : 'root'}"
          cx="${GUTTER - 8}"
          cy="${y + BAR / 2}"
          r="3.5"
        />`
      : html``
    return html`${name}${dot}${bar(span, x, y, colours)}`
  })
  return html`${marks}${branches(rows, x)}${drawn}`
}

/** The trees of a run that has fewer spans stand apart, down to the same bottom. */
function placed(spans: readonly ReceivedSpan[], bottom: number): Placed[] {
  const rows = treeRows(spans)
  const trees = rows.filter(({ depth }) => depth === 0).length
  const gap = trees > 1 ? (bottom - TOP - rows.length * ROW) / (trees - 1) : 0
  let tree = -1
  return rows.map((row, i) => {
    if (row.depth === 0) tree++
    return { ...row, y: round(TOP + i * ROW + tree * gap) }
  })
}

function label(agent: string, y: number): Html {
  return html`<text x="${GUTTER - 16}" y="${y + BAR + 1}" text-anchor="end">${agent}</text>`
}

function bar(
  span: ReceivedSpan,
  x: (time: number) => number,
  y: number,
  colours: ReadonlyMap<string, string>,
): Html {
  const from = x(span.start)
  const width = round(Math.max(1.5, x(span.end) - from))
  if (isTransit(span)) return html`<path class="wait" d="M${from} ${y + BAR / 2}h${width}" />`
  const colour = colours.get(span.agent) ?? 'var(--agent-5)'
  return html`<rect
    class="work"
    style="--colour:${colour}"
    x="${from}"
    y="${y}"
    width="${width}"
    height="${BAR}"
    rx="1"
  />`
}

/** From the begin of each span down to the last one below it, and from there to each of them. */
function branches(rows: readonly Placed[], x: (time: number) => number): Html[] {
  const parents: Placed[] = []
  const lines: Html[] = []
  for (const row of rows) {
    parents.length = row.depth
    const parent = parents.at(-1)
    if (parent !== undefined) {
      const from = x(parent.span.start)
      lines.push(
        html`<path class="branch" d="M${from} ${parent.y + BAR}V${row.y + BAR / 2}H${x(row.span.start)}" />`,
      )
    }
    parents.push(row)
  }
  return lines
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
