import { readFileSync } from 'node:fs'
import type { Answer } from '../messages.ts'
import type { AgentFigures } from '../spans/agents.ts'
import type { QueueTimes } from '../spans/statistics.ts'
import { formatCost, totalCost } from './agent-report.ts'
import { formatDuration, formatShare } from './duration.ts'
import { Html, html } from './html.ts'
import { agentColours, htmlWaterfall } from './html-waterfall.ts'
import type { PageRun } from './page-run.ts'
import { picture, pictureFile } from './picture.ts'
import { meaningOf, queueShares } from './queue-report.ts'

interface PageContent {
  readonly question: string
  readonly answer: Answer
  readonly before: PageRun
  readonly after: PageRun
  readonly times: QueueTimes
  readonly agents: readonly AgentFigures[]
  /** Name and version of each broker. */
  readonly brokers: Readonly<Record<string, string>>
}

/** Both runs as one file that loads nothing from anywhere: it can be mailed or kept as a build artefact. */
export function htmlPage({ question, answer, before, after, times, agents, brokers }: PageContent): string {
  const colours = agentColours(after.spans)
  const on = Object.entries(brokers).map(([name, version]) => `${name} ${version}`)
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta
          http-equiv="Content-Security-Policy"
          content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
        />
        <title>Waybill: a research pipeline in one trace</title>
        <style>
          ${asset('colours.css')} ${asset('style.css')} ${asset('picture.css')}
        </style>
      </head>
      <body>
        <main>
          <h1>
            One question, four queues,
            ${after.connectedness.traces === 1 ? 'one trace' : countOf(after.connectedness.traces, 'trace')}
          </h1>
          <p class="faint">
            Run on ${on.join(', ')}. Everything here is computed from the spans that the agents exported.
          </p>
          ${figures(before, after, times)}
          <div class="panel before-after">${picture(before, after, colours)}</div>
          <details>
            <summary>The question and its answer</summary>
            <p>${question}</p>
            ${answer.findings.map(
              (finding) =>
                html`<p>
                  <strong>${finding.text}</strong> ${finding.quote}
                  <span class="faint">[${finding.source}]</span>
                </p>`,
            )}
          </details>

          <h2>With Waybill: the joined trace</h2>
          ${legend(colours)} ${htmlWaterfall(after.spans, 'The joined trace', colours)}

          <h2>Where the time went</h2>
          ${queueTable(times)}
          <p class="faint">${meaningOf(times).join(' ')}</p>

          <h2>Who asked whom, and at what cost</h2>
          ${agentTable(agents)}
          <p class="faint">
            Each by its own spans. Nobody calls a model here: a word counts as a token, and the prices are
            invented. The user's session is on ${after.journey.spansWithSession} of the
            ${countOf(after.journey.spans, 'span')}; without Waybill on ${before.journey.spansWithSession} of
            ${before.journey.spans}.
          </p>

          <h2>Without Waybill: the same work in ${countOf(before.connectedness.traces, 'trace')}</h2>
          <p class="faint">
            The same agents at the same work, with spans made by hand. Each line marks a new root: nobody can
            tell whom the work was for, and the waits are in no span at all.
          </p>
          ${htmlWaterfall(before.spans, 'The spans without Waybill', colours)}
        </main>
        <div id="card" role="tooltip" hidden></div>
        <script>
          ${asset('details.js')}
        </script>
      </body>
    </html> `
  return page.text
}

/** The picture of both runs as an SVG file, for where a page is too much. */
export function beforeAfterSvg(before: PageRun, after: PageRun): string {
  const style = asset('colours.css').text + asset('picture.css').text
  return pictureFile(before, after, agentColours(after.spans), style)
}

function figures(before: PageRun, after: PageRun, times: QueueTimes): Html {
  const { wallSeconds, anyQueueSeconds } = times
  const [slowest] = queueShares(times)
  return html`<dl class="figures">
    <div>
      <dt>Without Waybill</dt>
      <dd class="bad">
        ${countOf(before.connectedness.traces, 'trace')}<small
          >${countOf(before.connectedness.orphanRoots.length, 'orphan root')}</small
        >
      </dd>
    </div>
    <div>
      <dt>With Waybill</dt>
      <dd class="good">
        ${countOf(after.connectedness.traces, 'trace')}<small
          >${countOf(after.connectedness.orphanRoots.length, 'orphan root')}</small
        >
      </dd>
    </div>
    <div>
      <dt>From request to answer</dt>
      <dd>${formatDuration(wallSeconds * 1000)}<small>${countOf(after.spans.length, 'span')}</small></dd>
    </div>
    <div>
      <dt>Waiting in queues</dt>
      <dd>
        ${formatShare(anyQueueSeconds, wallSeconds)}<small
          >${slowest === undefined ? '' : `most of it in ${slowest.queue} (${slowest.system})`}</small
        >
      </dd>
    </div>
  </dl>`
}

function legend(colours: ReadonlyMap<string, string>): Html {
  const agents = Array.from(
    colours,
    ([agent, colour]) => html`<li style="--colour:${colour}"><span class="bar"></span>${agent}</li>`,
  )
  return html`<ul class="legend">
    <li><span class="bar transit"></span>message waits in a queue</li>
    ${agents}
    <li>fainter: sends and deliveries</li>
    <li>point at a span, or use the arrow keys, for its details</li>
  </ul>`
}

function queueTable(times: QueueTimes): Html {
  const { wallSeconds, anyQueueSeconds } = times
  const row = (name: string, system: string, seconds: number, style: string): Html =>
    html`<tr class="${style}">
      <th scope="row">${name}</th>
      <td>${system}</td>
      <td class="wide"><span class="bar transit" style="width:${(seconds / wallSeconds) * 100}%"></span></td>
      <td class="number">${formatDuration(seconds * 1000)}</td>
      <td class="number">${formatShare(seconds, wallSeconds)}</td>
    </tr>`
  return html`<div class="panel queues">
    <table>
      <thead>
        <tr>
          <th scope="col">queue</th>
          <th scope="col">broker</th>
          <th scope="col" class="wide">waiting</th>
          <th scope="col" class="number">time</th>
          <th scope="col" class="number">share</th>
        </tr>
      </thead>
      <tbody>
        ${queueShares(times).map(({ queue, system, seconds }) => row(queue, system, seconds, ''))}${row('in any queue', '', anyQueueSeconds, 'sum')}
      </tbody>
    </table>
  </div>`
}

function agentTable(agents: readonly AgentFigures[]): Html {
  return html`<div class="panel queues agents">
    <table>
      <thead>
        <tr>
          <th scope="col">agent</th>
          <th scope="col">role</th>
          <th scope="col" class="number">depth</th>
          <th scope="col">asked by</th>
          <th scope="col" class="number">runs</th>
          <th scope="col" class="number">tokens in / out</th>
          <th scope="col" class="number">own cost</th>
        </tr>
      </thead>
      <tbody>
        ${agents.map(
          (agent) =>
            html`<tr>
              <th scope="row"><span style="padding-left:${agent.depth * 14}px">${agent.name}</span></th>
              <td>${agent.role}</td>
              <td class="number">${agent.depth}</td>
              <td>${agent.caller ?? ''}</td>
              <td class="number">${agent.runs}</td>
              <td class="number">${agent.inputTokens} / ${agent.outputTokens}</td>
              <td class="number">${formatCost(agent.costSelf)}</td>
            </tr>`,
        )}
        <tr class="sum">
          <th scope="row" colspan="6">all agents</th>
          <td class="number">${formatCost(totalCost(agents))}</td>
        </tr>
      </tbody>
    </table>
  </div>`
}

function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

function asset(name: string): Html {
  return new Html(readFileSync(new URL(`./page/${name}`, import.meta.url), 'utf8'))
}
