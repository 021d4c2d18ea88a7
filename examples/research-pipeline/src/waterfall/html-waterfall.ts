import type { Interval } from '../spans/intervals.ts'
import { isTransit, type ReceivedSpan, spanKinds } from '../spans/span.ts'
import { treeRows, type TreeRow } from '../spans/tree.ts'
import { formatTick, frameOf, ticks } from './axis.ts'
import { formatDuration } from './duration.ts'
import { Html, html } from './html.ts'

const AGENT_COLOURS = 6

/** Gives each agent a colour, in the order in which they are first seen. */
export function agentColours(spans: readonly ReceivedSpan[]): Map<string, string> {
  const agents = new Set(spans.map(({ agent }) => agent))
  return new Map(Array.from(agents, (agent, i) => [agent, `var(--agent-${Math.min(i, AGENT_COLOURS - 1)})`]))
}

/** A table with a row for each span; what belongs to one trace or tree is one body of it. */
export function htmlWaterfall(
  spans: readonly ReceivedSpan[],
  title: string,
  colours: ReadonlyMap<string, string>,
): Html {
  const frame = frameOf(spans)
  const marks = ticks(frame, 8).map((ms) => ({ ms, left: percent(ms, frame) }))
  const lines = marks.map(({ left }) => html`<span class="tick" style="left:${left}"></span>`)
  const labels = marks.map(
    ({ ms, left }) => html`<span class="tick" style="left:${left}">${formatTick(ms)}</span>`,
  )
  const trees: TreeRow[][] = []
  for (const row of treeRows(spans)) {
    if (row.depth === 0) trees.push([])
    trees.at(-1)?.push(row)
  }
  const [first] = trees[0] ?? []
  const body = trees.map(
    (rows) =>
      html`<tbody>
        ${rows.map((row) => htmlRow(row, frame, colours, lines, row === first))}
      </tbody>`,
  )
  return html`<div class="panel">
    <table class="waterfall" role="treegrid" aria-label="${title}">
      <thead>
        <tr>
          <th scope="col" class="agent">agent</th>
          <th scope="col" class="span">span</th>
          <th scope="col" class="time">${labels}<span class="unseen">time</span></th>
          <th scope="col" class="duration number">duration</th>
        </tr>
      </thead>
      ${body}
    </table>
  </div>`
}

function htmlRow(
  { span, depth }: TreeRow,
  frame: Interval,
  colours: ReadonlyMap<string, string>,
  lines: readonly Html[],
  isFirst: boolean,
): Html {
  const duration = formatDuration(span.end - span.start)
  const transit = isTransit(span)
  const bar = html`<span
    class="bar${transit ? ' transit' : ''}"
    style="left:${percent(span.start - frame.start, frame)};width:${percent(span.end - span.start, frame)}"
  ></span>`
  const words = `${transit ? 'waits' : 'works'} from ${formatDuration(span.start - frame.start)} on`
  // Sends and deliveries are fainter than the work that they carry.
  const classes = [
    transit && 'transit',
    [spanKinds.producer, spanKinds.consumer].some((kind) => kind === span.kind) && 'kin',
  ]
  return html`<tr
    class="${classes.filter(Boolean).join(' ')}"
    aria-level="${depth + 1}"
    tabindex="${isFirst ? 0 : -1}"
    style="--colour:${colours.get(span.agent) ?? 'var(--agent-5)'}"
  >
    <td role="gridcell"><i></i>${span.agent}</td>
    <th scope="row" style="padding-left:${8 + depth * 9}px">${span.name}${span.failed ? ' ✖' : ''}</th>
    <td role="gridcell" class="time">
      ${lines}${bar}<span class="unseen">${words}</span>${template(span, frame)}
    </td>
    <td role="gridcell" class="number">${duration}</td>
  </tr> `
}

/** What the card shows for a span. */
function template(span: ReceivedSpan, frame: Interval): Html {
  const kind = Object.entries(spanKinds).find(([, value]) => value === span.kind)?.[0] ?? 'unspecified'
  const facts: [string, string][] = [
    ['agent', span.agent],
    ['kind', kind],
    ['start', `+${formatDuration(span.start - frame.start)}`],
    ['duration', formatDuration(span.end - span.start)],
    ['made by', span.scope],
    ['trace', span.traceId],
    ['span', span.spanId],
    ...(span.parentSpanId === undefined ? [] : [['parent', span.parentSpanId] as [string, string]]),
    ...span.links.map((link): [string, string] => ['link to span', link.spanId]),
    ...Object.entries(span.attributes).map(([key, value]): [string, string] => [
      key,
      typeof value === 'object' ? JSON.stringify(value) : String(value),
    ]),
  ]
  const items = facts.map(
    ([name, value]) =>
      html`<dt>${name}</dt>
        <dd>${value}</dd>`,
  )
  return html`<template
    ><strong>${span.name}</strong>
    <dl>${items}</dl></template
  >`
}

function percent(ms: number, frame: Interval): string {
  return `${((ms / (frame.end - frame.start)) * 100).toFixed(3)}%`
}
