import { hasSubscribers } from 'node:diagnostics_channel'
import { warnOnce, type Telemetry } from '@waybill/core/adapter'

/** The channel on which Sentry's integration hears of each publish, in code that it injects into amqplib. */
const PUBLISH = 'tracing:orchestrion:amqplib:publish:start'
const LONGEST = 8192

/** Whether Sentry's own integration for amqplib is at work in this process; said once, with its cure. */
export function isBesideSentry(telemetry: Telemetry): boolean {
  if (!hasSubscribers(PUBLISH)) return false
  warnOnce(
    telemetry.log,
    'Sentry traces amqplib',
    "amqplib is traced by Sentry's integration Amqplib as well: it makes a span a side of its own. Where ours go to Sentry, too, leave it out: Sentry.init({ integrations: (all) => all.filter(({ name }) => name !== 'Amqplib') }).",
  )
  return true
}

/**
 * Sentry sets the header `baggage` where the message is encoded, and what was there is gone. Here it is added to, ours first.
 *
 * @param headers a copy of our own, changed in place
 */
export function shareBaggage(headers: Record<string, unknown>): void {
  const { baggage } = headers
  if (typeof baggage !== 'string') return
  let shared = baggage
  Object.defineProperty(headers, 'baggage', {
    enumerable: true,
    configurable: true,
    get: () => shared,
    set(theirs: unknown) {
      if (typeof theirs === 'string') shared = joined(baggage, theirs)
    },
  })
}

function joined(ours: string, theirs: string): string {
  const nameOf = (member: string): string => member.split('=', 1)[0]?.trim() ?? ''
  const taken = new Set(ours.split(',').map(nameOf))
  const members = theirs.split(',').filter((member) => !taken.has(nameOf(member)))
  const all = [ours, ...members].join(',')
  return all.length <= LONGEST ? all : ours
}
