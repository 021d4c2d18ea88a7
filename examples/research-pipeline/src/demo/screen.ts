import type { AgentFigures } from '../spans/agents.ts'
import type { QueueTimes } from '../spans/statistics.ts'
import type { ReceivedSpan } from '../spans/span.ts'
import { agentReport } from '../waterfall/agent-report.ts'
import { formatDuration } from '../waterfall/duration.ts'
import type { Ink } from '../waterfall/ink.ts'
import { meaningOf, queueReport } from '../waterfall/queue-report.ts'
import { terminalWaterfall } from '../waterfall/terminal.ts'
import type { RunResult } from './run.ts'
import type { RunFigures } from './summary.ts'

const WIDTH = 100

/** Prints the lines of progress of one run, with the time since it began. */
export function progressPrinter(ink: Ink): (agent: string, text: string) => void {
  const since = performance.now()
  return (agent, text) => {
    const time = formatDuration(performance.now() - since).padStart(8)
    console.log(`  ${ink.faint(time)}  ${agent.padEnd(12)}  ${text}`)
  }
}

export function printHeading(text: string, ink: Ink): void {
  console.log(`\n${ink.strong(text)}`)
}

export function printAnswer(question: string, { answer }: RunResult): void {
  console.log(wrapped(question, '  Q  '))
  for (const { quote, source } of answer.findings) console.log(wrapped(`${quote} [${source}]`, '  A  '))
}

export function printComparison(before: RunFigures, after: RunFigures, ink: Ink): void {
  console.log(`  ${' '.repeat(16)}  traces  orphan roots  spans with session.id`)
  for (const [
    name,
    {
      connectedness: { traces, orphanRoots },
      journey: { spans, spansWithSession },
    },
  ] of [
    ['without Waybill', before],
    ['with Waybill', after],
  ] as const) {
    const colour = orphanRoots.length === 0 ? ink.good : ink.bad
    const sessions = `${spansWithSession} of ${spans}`.padStart(21)
    const figures = `${String(traces).padStart(6)}  ${String(orphanRoots.length).padStart(12)}  ${sessions}`
    console.log(`  ${name.padEnd(16)}  ${colour(figures)}  ${ink.faint(byAgent(orphanRoots))}`.trimEnd())
  }
  console.log(
    ink.faint("  Orphan root: a root span that is not the request's own entry, whatever it was done for."),
  )
}

export function printAgents(agents: readonly AgentFigures[], ink: Ink): void {
  for (const line of agentReport(agents, ink)) console.log(`  ${line}`.trimEnd())
  console.log(
    ink.faint(
      '  Each by its own spans. Nobody calls a model here: a word counts as a token, and the prices are invented.',
    ),
  )
}

/** `planner 1, retriever 3` */
function byAgent(spans: readonly ReceivedSpan[]): string {
  const groups = Map.groupBy(spans, ({ agent }) => agent)
  return Array.from(groups, ([agent, { length }]) => `${agent} ${length}`).join(', ')
}

export function printWaterfall(spans: readonly ReceivedSpan[], ink: Ink): void {
  console.log(
    `  ${ink.transit('▒')} a message waits in a queue   ${ink.work('█')} work   ${ink.faint('░ ▏ too short to draw')}\n`,
  )
  for (const line of terminalWaterfall(spans, { width: WIDTH, ink })) console.log(line)
}

export function printQueueTimes(times: QueueTimes, ink: Ink): void {
  for (const line of queueReport(times, ink)) console.log(`  ${line}`)
  console.log(ink.faint(wrapped(meaningOf(times).join(' '), '  ')))
}

/** Breaks a text at spaces; the first line begins with `lead`, the others below it. */
function wrapped(text: string, lead: string): string {
  const lines = [lead]
  for (const word of text.split(' ')) {
    const line = lines.at(-1) as string
    if (line.length + word.length > WIDTH && line.trim() !== '')
      lines.push(`${' '.repeat(lead.length)}${word} `)
    else lines[lines.length - 1] = `${line}${word} `
  }
  return lines.map((line) => line.trimEnd()).join('\n')
}
