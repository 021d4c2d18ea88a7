import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type Briefing, type Report, writeBriefing } from '../agent/briefing.ts'

/** In the order of the pipeline. */
export const agents = ['orchestrator', 'planner', 'retriever', 'tool-agent', 'aggregator'] as const
/** Those of the pipeline that needs BullMQ alone. */
export const bullmqAgents = ['orchestrator', 'bullmq-planner', 'researcher', 'bullmq-aggregator'] as const
export type AgentName = (typeof agents)[number] | (typeof bullmqAgents)[number]

/** An agent in a process of its own. */
export interface AgentProcess {
  /** Its HTTP address, once it is ready to work. */
  readonly ready: Promise<string | undefined>
  /** Rejects when the process ends before it was told to. */
  readonly failed: Promise<never>
  /** Lets it finish what it has in hand and send its last spans. */
  stop(): Promise<void>
}

/** More than any agent needs to close its clients. */
const PATIENCE_MS = 5_000
/** After an interruption the brokers may be gone already, and clients would wait for them. */
const INTERRUPTED_PATIENCE_MS = 2_000

export function startAgent(
  agent: AgentName,
  briefing: Omit<Briefing, 'agent'>,
  signal: AbortSignal,
  onProgress: (text: string) => void,
): AgentProcess {
  const file = fileURLToPath(new URL(`../agents/${agent}.ts`, import.meta.url))
  const child = fork(file, {
    // kafkajs asks for a negative time-out now and then, of which newer Node.js warns.
    execArgv: ['--conditions=waybill-source', '--no-warnings'],
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    env: { ...process.env, ...writeBriefing({ ...briefing, agent }) },
  })
  // Clients that lose their broker in the middle of an interruption have much to say that is no news.
  child.stderr?.on('data', (text: Buffer) => void (signal.aborted || process.stderr.write(text)))
  const exited = once(child, 'exit')
  let stopping = false
  const failed = exited.then(([code, signal]) => {
    if (!stopping) throw new Error(`${agent} ended unexpectedly (${signal ?? `exit code ${code}`})`)
    return new Promise<never>(() => {})
  })
  const ready = new Promise<string | undefined>((resolve) => {
    child.on('message', (report: Report) => {
      if (report.kind === 'ready') resolve(report.url)
      else onProgress(report.text)
    })
  })
  return {
    ready,
    failed,
    async stop() {
      stopping = true
      await end(child, exited, signal.aborted ? INTERRUPTED_PATIENCE_MS : PATIENCE_MS)
    },
  }
}

async function end(child: ChildProcess, exited: Promise<unknown>, patienceMs: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const deadline = setTimeout(() => child.kill('SIGKILL'), patienceMs)
  // It may be going already.
  child.send('stop', () => {})
  await exited
  clearTimeout(deadline)
}
