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
  readonly op?: string | undefined
  /** Number of messages of the one call that this message was made by. */
  readonly fanOut?: number | undefined
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
  // Read for every message, so by index: no list of pairs is made.
  for (let start = 0; start < value.length;) {
    const semicolon = value.indexOf(';', start)
    const end = semicolon < 0 ? value.length : semicolon
    const equals = value.indexOf('=', start)
    if (equals >= 0 && equals < end) take(parsed, value, start, equals, end, now)
    start = end + 1
  }
  return parsed
}

function take(
  parsed: { sent?: number; origin?: number; op?: string; fanOut?: number },
  value: string,
  start: number,
  equals: number,
  end: number,
  now: number,
): void {
  const key = value.slice(start, equals).trim()
  if (key === 'sent' || key === 'origin') {
    const time = digitsIn(value, equals + 1, end, 15)
    if (isPlausible(time, now)) parsed[key] = time
  } else if (key === 'op') {
    const op = value.slice(equals + 1, end).trim()
    if (/^[A-Za-z0-9_.-]{1,32}$/.test(op)) parsed.op = op
  } else if (key === 'fanout') {
    const count = digitsIn(value, equals + 1, end, 9)
    if (!Number.isNaN(count)) parsed.fanOut = count
  }
}

/** The number that the digits between two places make, spaces around them aside; `NaN` for anything else. */
function digitsIn(text: string, start: number, end: number, atMost: number): number {
  while (start < end && text.charCodeAt(start) <= SPACE) start++
  while (end > start && text.charCodeAt(end - 1) <= SPACE) end--
  if (start === end || end - start > atMost) return Number.NaN
  let number = 0
  for (let i = start; i < end; i++) {
    const digit = text.charCodeAt(i) - ZERO
    if (digit < 0 || digit > 9) return Number.NaN
    number = number * 10 + digit
  }
  return number
}

const SPACE = 0x20
const ZERO = 0x30

/** When the journey of a message began, as far as its field tells: a producer that names no origin is the first hop. */
export function originOf({ origin, sent }: Partial<Waybill>): number | undefined {
  return origin ?? sent
}

/** Whether a time in epoch milliseconds can be the moment at which a message of today was sent. */
export function isPlausible(time: number, now: number): boolean {
  return Number.isInteger(time) && time >= now - OLDEST && time <= now + NEWEST
}
