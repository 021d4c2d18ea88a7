/** Name of Waybill's own field, next to `traceparent`, `tracestate` and `baggage`. */
export const WAYBILL_FIELD = 'waybill'

const DAY = 86_400_000
const OLDEST = 30 * DAY
const NEWEST = DAY

/** What the `waybill` field says; all times are epoch milliseconds by the producer's clock. */
export interface Waybill {
  /** When the wrapped call of this hop was made. */
  readonly sent: number
  /** `sent` of the first hop of this journey. */
  readonly origin: number
  /** Native operation, where a consumer cannot otherwise know what kind of message it has. */
  readonly op?: string
}

/** Encodes the field's value: `sent=<ms>;origin=<ms>[;op=<operation>]`. Source: docs/wire-format.md. */
export function formatWaybill(waybill: Waybill): string {
  const times = `sent=${waybill.sent};origin=${waybill.origin}`
  return waybill.op === undefined ? times : `${times};op=${waybill.op}`
}

/**
 * Decodes the field's value; never throws. A time that is not an integer within [now − 30 d, now + 24 h] is left out, and
 * so are pairs that this version does not know.
 */
export function parseWaybill(value: string | undefined, now: number): Partial<Waybill> {
  const parsed: { sent?: number; origin?: number; op?: string } = {}
  if (value === undefined || value.length > 128) return parsed
  for (const pair of value.split(';')) {
    const equals = pair.indexOf('=')
    if (equals < 0) continue
    const key = pair.slice(0, equals).trim()
    const content = pair.slice(equals + 1).trim()
    if (key === 'op') {
      if (/^[A-Za-z0-9_.-]{1,32}$/.test(content)) parsed.op = content
    } else if (key === 'sent' || key === 'origin') {
      const time = /^\d{1,15}$/.test(content) ? Number(content) : Number.NaN
      if (isPlausible(time, now)) parsed[key] = time
    }
  }
  return parsed
}

/** Whether a time in epoch milliseconds can be the moment at which a message of today was sent. */
export function isPlausible(time: number, now: number): boolean {
  return Number.isInteger(time) && time >= now - OLDEST && time <= now + NEWEST
}
