import type { QueueNames } from '../queues.ts'

/** All that an agent is told at its start. */
export interface Briefing {
  readonly agent: string
  /** The only difference between the two runs. */
  readonly waybill: boolean
  readonly queues: QueueNames
  readonly redisUrl: string
  /** Where BullMQ keeps its jobs: that Redis, or a PostgreSQL. */
  readonly bullmqUrl: string
  readonly amqpUrl: string
  readonly kafkaBrokers: string
  /** The receiver of OTLP/HTTP in the demo's main process. */
  readonly tracesUrl: string
}

/** What an agent tells the main process. */
export type Report =
  | { readonly kind: 'ready'; readonly url?: string | undefined }
  | { readonly kind: 'progress'; readonly text: string }

const variable = 'RESEARCH_PIPELINE_BRIEFING'

export function writeBriefing(briefing: Briefing): Record<string, string> {
  return { [variable]: JSON.stringify(briefing) }
}

export function readBriefing(): Briefing {
  const text = process.env[variable]
  if (text === undefined) throw new Error('An agent is started by the demo: npm run demo')
  return JSON.parse(text) as Briefing
}
