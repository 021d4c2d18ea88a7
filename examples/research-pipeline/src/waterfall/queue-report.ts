import { type QueueLabel, queueSystems } from '../queues.ts'
import type { QueueTimes } from '../spans/statistics.ts'
import { formatDuration, formatShare } from './duration.ts'
import { type Ink, plain } from './ink.ts'

const BAR_WIDTH = 40

/** A queue with its part of the request's time. */
export interface QueueShare {
  readonly queue: string
  /** What people call the broker, where it is known. */
  readonly system: string
  readonly seconds: number
}

/** The slowest first. */
export function queueShares({ queueSeconds, systems = {} }: QueueTimes): QueueShare[] {
  return Object.entries(queueSeconds)
    .map(([queue, seconds]) => ({ queue, system: systemOf(queue, systems[queue]), seconds }))
    .toSorted((a, b) => b.seconds - a.seconds)
}

/** The demo has a part that needs BullMQ alone, in which the other queues are BullMQ's as well. */
function systemOf(queue: string, system: string | undefined): string {
  return system === 'bullmq' ? queueSystems.questions : (queueSystems[queue as QueueLabel] ?? '')
}

/** What the figures mean, for wherever they are shown. */
export function meaningOf({ wallSeconds }: QueueTimes): string[] {
  return [
    `Share of the ${formatDuration(wallSeconds * 1000)} from request to answer in which at least one message waited in that queue.`,
    'Messages that waited there at the same time count once. Different queues may overlap, and agents may',
    'work on one message while others wait, so the shares do not add up to 100 %.',
  ]
}

export function queueReport(times: QueueTimes, ink: Ink = plain): string[] {
  const { wallSeconds, anyQueueSeconds } = times
  const lines = [
    ...queueShares(times).map(({ queue, system, seconds }) => ({
      name: queue,
      system,
      seconds,
      colour: ink.transit,
    })),
    { name: 'in any queue', system: '', seconds: anyQueueSeconds, colour: ink.strong },
  ]
  return lines.map(({ name, system, seconds, colour }) => {
    const bar = '▒'.repeat(Math.round((seconds / wallSeconds) * BAR_WIDTH)).padEnd(BAR_WIDTH)
    const share = formatShare(seconds, wallSeconds).padStart(6)
    return `${name.padEnd(14)} ${system.padEnd(14)} ${colour(bar)} ${formatDuration(seconds * 1000).padStart(8)} ${colour(share)}`
  })
}
