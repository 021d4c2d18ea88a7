import { type Briefing, readBriefing, type Report } from './briefing.ts'
import { callModel, type ChatCall } from './model.ts'
import { startTelemetry } from './telemetry.ts'
import { type Role, workAs } from './work.ts'

/** What an agent gets to do its work. */
export interface Desk extends Briefing {
  /** Shows a line of progress to whoever watches the demo. */
  progress(text: string): void
  /** Runs a piece of work as this agent, in a span of it. */
  as<T>(role: Role, work: () => Promise<T>): Promise<T>
  /** Calls a model. */
  chat(call: ChatCall): Promise<void>
}

/** An agent at work. */
export interface Working {
  /** Where it takes requests by HTTP, if it does. */
  readonly url?: string
  /** Finishes what is in hand, then closes the clients. */
  stop(): Promise<void>
}

const PATIENCE_MS = 5_000

/** Runs this process as one agent: until it is told to stop, or until the process that started it is gone. */
export async function runAgent(start: (desk: Desk) => Promise<Working>): Promise<void> {
  const told = new Promise<void>((resolve) => {
    process.once('message', () => resolve())
    process.once('disconnect', () => {
      resolve()
      // The brokers may be gone as well, and some clients would wait for them without end.
      setTimeout(() => process.exit(1), PATIENCE_MS).unref()
    })
  })
  // Ctrl-C goes to every process of the terminal; the main process decides, and tells us.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
  const briefing = readBriefing()
  const endTelemetry = startTelemetry(briefing.agent, briefing.tracesUrl)
  const { waybill } = briefing
  const working = await start({
    ...briefing,
    progress: (text) => send({ kind: 'progress', text }),
    as: (role, work) => workAs(role, waybill, work),
    chat: (call) => callModel(call, waybill),
  })
  send({ kind: 'ready', url: working.url })
  await told
  await working.stop()
  await endTelemetry()
  // Clients may keep timers that would hold the process for a while.
  process.exit()
}

function send(report: Report): void {
  if (process.connected) process.send?.(report)
}
