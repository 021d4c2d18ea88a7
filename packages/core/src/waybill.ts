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
  /** Number of messages of the one call that this message was made by. */
  readonly fanOut?: number
}

/** Encodes the field's value: `sent=<ms>;origin=<ms>[;op=<operation>][;fanout=<count>]`. Source: docs/wire-format.md. */
export function formatWaybill(waybill: Waybill): string {
  const times = `sent=${waybill.sent};origin=${waybill.origin}`
  const op = waybill.op === undefined ? '' : `;op=${waybill.op}`
  const fanOut = waybill.fanOut === undefined ? '' : `;fanout=${waybill.fanOut}`
  return `${times}${op}${fanOut}`
}

/**
 * Decodes the field's value; never throws. A time that is not an integer within [now − 30 d, now + 24 h] is left out, and
 * so are pairs that this version does not know.
 */
export function parseWaybill(value: string | undefined, now: number): Partial<Waybill> {
  const parsed: { sent?: number; origin?: number; op?: string; fanOut?: number } = {}
  if (value === undefined || value.length > 128) return parsed
  for (const pair of value.split(';')) {
    const equals = pair.indexOf('=')
    if (equals < 0) continue
    const key = pair.slice(0, equals).trim()
    const content = pair.slice(equals + 1).trim()
    if (key === 'op') {
      if (/^[A-Za-z0-9_.-]{1,32}$/.test(content)) parsed.op = content
    } else if (key === 'fanout') {
      if (/^\d{1,9}$/.test(content)) parsed.fanOut = Number(content)
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
