import type { DiagLogger } from '@opentelemetry/api'
import { safely } from './diag.ts'
import type { Incoming } from './incoming.ts'
import type { MessageInfo } from './options.ts'
import { extract, type Extracted } from './propagation.ts'
import type { Signals, Telemetry } from './telemetry.ts'
import { transitOf, type Transit } from './transit.ts'
import type { Relation, Trust } from './trust.ts'

/** What core has decided about one delivered message: where it comes from, and how far that is believed. */
export interface Judged {
  readonly incoming: Incoming
  readonly extracted: Extracted
  readonly trust: Trust
  readonly relation: Relation
}

/** A message that reached user code, and how long it waited for that. */
export interface Arrival extends Judged {
  readonly transit: Transit
}

/** Reads and judges one delivered message. Never throws. */
export function judge(telemetry: Telemetry, signals: Signals, incoming: Incoming): Judged {
  const { log, options } = telemetry
  const { carrier, getter, waybill } = incoming
  const extracted = extract(carrier, getter, signals.propagator, telemetry.now(), log, waybill, options)
  // A throwing hook must not let an untrusted context in.
  const trust = decide<Trust>(log, 'options.trust()', options.trust, 'link', incoming)
  const relation =
    extracted.linkOnly === true
      ? 'link'
      : decide<Relation>(
          log,
          'options.relation()',
          options.relation ?? incoming.relation ?? 'parent',
          'parent',
          incoming,
        )
  return { incoming, extracted, trust, relation }
}

/** What an option says of a message, be it a value or a function of the message. */
function decide<T extends string>(
  log: DiagLogger,
  what: string,
  option: T | ((message: MessageInfo) => T),
  fallback: T,
  { destination, messageId, messageName, attempt }: Incoming,
): T {
  if (typeof option !== 'function') return option
  const info: MessageInfo = { destination: destination.name, messageId, messageName, attempt }
  return safely(log, what, fallback, () => option(info))
}

/** The wait of a message that reaches user code at `now`, epoch ms. */
export function arrive(judged: Judged, now: number): Arrival {
  // What an untrusted sender stamped is as little believed as its trace context.
  const sent = judged.trust === 'continue' ? judged.extracted.waybill.sent : undefined
  const { incoming, extracted, trust, relation } = judged
  const transit = transitOf(incoming, sent, now, extracted.waybill.sent)
  return { incoming, extracted, trust, relation, transit }
}
