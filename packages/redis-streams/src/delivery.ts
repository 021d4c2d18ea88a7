import type { Attributes } from '@opentelemetry/api'
import {
  fieldListGetter,
  safely,
  type Destination,
  type Incoming,
  type Stages,
  type Telemetry,
} from '@waybill/core/adapter'
import type { EntryCarrier } from './carrier.ts'
import { CLOCK_TOLERANCE_MS, timeOf } from './entry-id.ts'
import { ATTR_DELIVERY_IDLE } from './semconv.ts'
import { textOf } from './text.ts'
import type { Delivery } from './types.ts'

/** Where entries come from. */
export interface Source {
  readonly destination: Destination
  readonly group: string | undefined
  readonly consumer: string | undefined
  readonly carrier: EntryCarrier
}

/** Read without a group, an entry older than this is taken to be read again: nobody waits a day for it. */
const REPLAY_AGE_MS = 86_400_000

/** One delivered entry as core wants to know it. */
export function describeEntry(
  telemetry: Telemetry,
  source: Source,
  rawId: unknown,
  fields: readonly unknown[],
  delivery: Delivery,
): Incoming {
  const { destination, group, consumer } = source
  const { carrier, getter } = readCarrier(telemetry, source, fields)
  const id = textOf(rawId)
  const at = timeOf(id)
  const replayed =
    delivery.replayed ?? (group === undefined && at !== undefined && at < telemetry.now() - REPLAY_AGE_MS)
  const again = delivery.redelivered === true || (delivery.attempt ?? 1) > 1
  const { idleMs, readAt } = delivery
  return {
    operation: 'process',
    destination,
    carrier,
    getter,
    messageId: id,
    group,
    clientId: consumer,
    times: [{ at, clock: 'broker', toleranceMs: CLOCK_TOLERANCE_MS }, 'sent'],
    unknown: replayed ? 'replayed' : again ? 'redelivered' : undefined,
    attempt: delivery.attempt ?? (again || replayed ? undefined : 1),
    ...(replayed && { relation: 'link' as const }),
    stages: ({ sent }) => stagesOf(at, sent, readAt, telemetry.now()),
    ...(idleMs !== undefined && { details: (): Attributes => ({ [ATTR_DELIVERY_IDLE]: idleMs / 1000 }) }),
  }
}

function stagesOf(
  at: number | undefined,
  sent: number | undefined,
  readAt: number | undefined,
  now: number,
): Stages {
  // By the same rule as the wait itself: else the parts would contain what the whole does not.
  const isClock =
    at !== undefined &&
    at <= (readAt ?? now) + CLOCK_TOLERANCE_MS &&
    (sent === undefined || at >= sent - CLOCK_TOLERANCE_MS)
  return { stored: isClock ? at : undefined, fetched: readAt }
}

/** Where the context of an entry lies; nowhere if a carrier of the application's own throws. */
export function readCarrier(
  telemetry: Telemetry,
  source: Source,
  fields: readonly unknown[],
): Pick<Incoming, 'carrier' | 'getter'> {
  return safely(
    telemetry.log,
    'reading the carrier of an entry',
    { carrier: undefined, getter: fieldListGetter as Incoming['getter'] },
    () => source.carrier.read(fields),
  )
}
