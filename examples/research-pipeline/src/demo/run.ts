import { randomBytes } from 'node:crypto'
import { SESSION_HEADER } from '../agent/http.ts'
import type { Answer } from '../messages.ts'
import { queueNames, withoutRunId } from '../queues.ts'
import { type ExportTraceServiceRequest, mergeExports, spansOf } from '../spans/otlp.ts'
import { startReceiver } from '../spans/receiver.ts'
import type { ReceivedSpan } from '../spans/span.ts'
import { type AgentName, agents, bullmqAgents, startAgent } from './agent-process.ts'
import { type BrokerUrls, createDestinations, removeDestinations } from './destinations.ts'

export interface RunResult {
  readonly answer: Answer
  /** As received. */
  readonly export: ExportTraceServiceRequest
  /** The same, with names as people read them: without the id of the run. */
  readonly spans: readonly ReceivedSpan[]
  /** The user's, as it was given with the request. */
  readonly session: string
}

interface RunOptions {
  readonly waybill: boolean
  readonly question: string
  readonly urls: BrokerUrls
  /** All four hops on BullMQ, since other brokers are missing. */
  readonly bullmqOnly: boolean
  readonly signal: AbortSignal
  readonly onProgress: (agent: AgentName | 'demo', text: string) => void
}

/** Start-up on a busy machine, and the request, which takes about four seconds. */
const READY_WITHIN_MS = 30_000
const ANSWER_WITHIN_MS = 30_000

/** One request through the whole pipeline, on agents and queues of its own. */
export async function runPipeline({
  waybill,
  question,
  urls,
  bullmqOnly,
  signal,
  onProgress,
}: RunOptions): Promise<RunResult> {
  const runId = randomBytes(3).toString('hex')
  const queues = queueNames(runId)
  await using cleanup = new AsyncDisposableStack()
  const receiver = await startReceiver()
  cleanup.defer(() => receiver.close())
  const created = bullmqOnly ? Promise.resolve() : createDestinations(queues, urls)
  cleanup.defer(() => removeDestinations(queues, urls, created, bullmqOnly))
  await withLimit(created, READY_WITHIN_MS, 'creating the queues', signal)

  const briefing = { waybill, queues, tracesUrl: receiver.url, ...urls }
  const names: readonly AgentName[] = bullmqOnly ? bullmqAgents : agents
  const processes = names.map((name) => startAgent(name, briefing, signal, (text) => onProgress(name, text)))
  const stopAgents = async (): Promise<void> => {
    await Promise.all(processes.map((agent) => agent.stop()))
  }
  cleanup.defer(stopAgents)
  const failed = Promise.race(processes.map((agent) => agent.failed))
  failed.catch(() => {})

  const started = Promise.all(processes.map((agent) => agent.ready))
  const [entryUrl] = await withLimit(
    Promise.race([started, failed]),
    READY_WITHIN_MS,
    'starting the agents',
    signal,
  )
  onProgress('demo', `all ${processes.length} agents are ready, asking now`)
  const session = `s${runId}`
  const answer = await withLimit(
    Promise.race([ask(`${entryUrl}/research`, question, session), failed]),
    ANSWER_WITHIN_MS,
    'answering the question',
    signal,
  )
  // Their last spans are sent as they stop.
  await stopAgents()
  const received = mergeExports(receiver.exports)
  return { answer, export: received, session, spans: spansOf(received).map((span) => readable(span, runId)) }
}

async function ask(url: string, text: string, session: string): Promise<Answer> {
  const headers = { [SESSION_HEADER]: session }
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ text }) })
  if (!response.ok) throw new Error(`the orchestrator answered ${response.status}: ${await response.text()}`)
  return (await response.json()) as Answer
}

function readable(span: ReceivedSpan, runId: string): ReceivedSpan {
  const attributes = Object.entries(span.attributes).map(([key, value]) => [
    key,
    typeof value === 'string' ? withoutRunId(value, runId) : value,
  ])
  return { ...span, name: withoutRunId(span.name, runId), attributes: Object.fromEntries(attributes) }
}

async function withLimit<T>(work: Promise<T>, ms: number, doing: string, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  const { promise: over, reject } = Promise.withResolvers<never>()
  const onAbort = (): void => reject(signal.reason as Error)
  const timer = setTimeout(() => reject(new Error(`${doing} took more than ${ms / 1000} s`)), ms)
  signal.addEventListener('abort', onAbort)
  try {
    return await Promise.race([work, over])
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
    work.catch(() => {})
  }
}
