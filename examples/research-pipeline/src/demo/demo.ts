import type { DemoBrokers } from './demo-brokers.ts'
import { agentFigures } from '../spans/agents.ts'
import { journeyOf } from '../spans/journey.ts'
import { connectedness, entryOf, queueTimes } from '../spans/statistics.ts'
import { examine, faultsOfVerdicts, printVerdicts } from './doctor.ts'
import { beforeAfterSvg, htmlPage } from '../waterfall/html-page.ts'
import { inkFor } from '../waterfall/ink.ts'
import { outputFolder, save } from './output-folder.ts'
import { runPipeline, type RunResult } from './run.ts'
import {
  printAgents,
  printAnswer,
  printComparison,
  printHeading,
  printQueueTimes,
  printWaterfall,
  progressPrinter,
} from './screen.ts'
import { summarize, type RunFigures } from './summary.ts'
import { faultsOf } from './verdict.ts'

const QUESTION =
  'How did the container change the cost of loading ships, what papers travel with the goods, and who pays when a container waits at the terminal?'

const ENTRY = 'POST /research'

const ink = inkFor(process.stdout, process.env)

/** Both runs, what they show, and what they leave on disk. Gives what is not as it must be. */
export async function showDemo(demoBrokers: DemoBrokers, signal: AbortSignal): Promise<string[]> {
  const { urls, versions, bullmqOnly, leftOut } = demoBrokers
  for (const line of leftOut) console.log(line)
  const runOnce = (heading: string, waybill: boolean): Promise<RunResult> => {
    printHeading(heading, ink)
    return runPipeline({
      waybill,
      question: QUESTION,
      urls,
      bullmqOnly,
      signal,
      onProgress: progressPrinter(ink),
    })
  }
  const before = await runOnce(
    '1  Without Waybill: OpenTelemetry and hand-made spans in every process',
    false,
  )
  const after = await runOnce(
    '2  With Waybill: the same agents, and one line more for each client and each agent',
    true,
  )

  printHeading('The question and its answer', ink)
  printAnswer(QUESTION, after)

  const figuresOf = ({ spans, session }: RunResult): RunFigures => ({
    connectedness: connectedness(spans, entryOf(spans, ENTRY)),
    journey: journeyOf(spans, session),
  })
  const [beforeFigures, afterFigures] = [figuresOf(before), figuresOf(after)]
  const entry = entryOf(after.spans, ENTRY)
  printHeading('What the traces say about it', ink)
  printComparison(beforeFigures, afterFigures, ink)
  if (entry === undefined) return [`the span ${ENTRY} of the request itself did not arrive`]

  const times = queueTimes(after.spans, entry)
  printHeading('The joined trace', ink)
  printWaterfall(after.spans, ink)
  printHeading('Time spent in queues', ink)
  printQueueTimes(times, ink)
  const agents = agentFigures(after.spans)
  printHeading('Who asked whom, and at what cost', ink)
  printAgents(agents, ink)

  const summary = summarize(beforeFigures, afterFigures, times, agents, versions)
  const beforeRun = { spans: before.spans, ...beforeFigures }
  const afterRun = { spans: after.spans, ...afterFigures }
  const files = save({
    'before.otlp.json': JSON.stringify(before.export, null, 2),
    'after.otlp.json': JSON.stringify(after.export, null, 2),
    'before-after.svg': beforeAfterSvg(beforeRun, afterRun),
    'waterfall.html': htmlPage({
      question: QUESTION,
      answer: after.answer,
      before: beforeRun,
      after: afterRun,
      times,
      agents,
      brokers: versions,
    }),
    'summary.json': `${JSON.stringify(summary, null, 2)}\n`,
  })
  printHeading(`Saved in ${outputFolder}`, ink)
  for (const file of files) console.log(`  ${file}`)
  const verdicts = examine(before, after)
  printHeading("The doctor's verdict: npx waybill-doctor demo-output/before.otlp.json, and after", ink)
  printVerdicts(verdicts, ink)
  for (const line of leftOut) console.log(line)
  return [...faultsOf(summary, { before: before.answer, after: after.answer }), ...faultsOfVerdicts(verdicts)]
}
