import { warnOnce, type Stamp, type Telemetry } from '@waybill/core/adapter'

type Headers = Record<string, unknown>

/** The broker's own default, where the client does not tell what was negotiated. */
const DEFAULT_FRAME = 131_072
/** Frame header and end, class, weight, body size, flags; delivery mode, priority and timestamp. */
const FRAME_OVERHEAD = 8 + 14 + 10
/** amqplib writes the table into a buffer of 64 KiB. */
const LARGEST_TABLE = 60_000
/** No message without headers has more: nine properties of at most 256 bytes. */
const LARGEST_PROPERTIES = 9 * 256 + FRAME_OVERHEAD
/** First what can be missed most. */
const EXPENDABLE = ['baggage', 'tracestate', 'waybill', 'traceparent']

/** The largest frame that broker and client have agreed on for this channel, in bytes. */
export function frameSizeOf(channel: object): number {
  const { frameMax } = (channel as { connection?: { frameMax?: unknown } }).connection ?? {}
  if (frameMax === 0) return Number.POSITIVE_INFINITY
  return typeof frameMax === 'number' ? frameMax : DEFAULT_FRAME
}

/**
 * Takes fields of ours out of stamped headers until they fit into the frame: on one that is too large the broker closes
 * the whole connection. What the application wrote itself stays, for its client to judge.
 *
 * @param headers a copy of our own, changed in place
 */
export function fitFrame(
  telemetry: Telemetry,
  headers: Headers,
  stamp: Stamp,
  options: object | null | undefined,
  frameSize: number,
): void {
  // Three bytes a character at most: enough to know that nearly every message is far from any limit.
  if (tableSize(headers, roughly) <= Math.min(LARGEST_TABLE, frameSize - LARGEST_PROPERTIES)) return
  const room = Math.min(LARGEST_TABLE, frameSize - FRAME_OVERHEAD - propertiesSize(options))
  const left: string[] = []
  const names = Object.keys(stamp.fields)
  const others = names.filter((name) => !EXPENDABLE.includes(name))
  for (const name of ['baggage', ...others, ...EXPENDABLE.slice(1)]) {
    if (tableSize(headers, exactly) <= room) break
    if (!names.includes(name)) continue
    delete headers[name]
    left.push(name)
  }
  if (left.length === 0) return
  warnOnce(
    telemetry.log,
    'headers over the frame size',
    `Headers of a message would not fit into the connection's frame of ${frameSize} bytes: left out ${left.join(', ')}. Set maxBaggageBytes lower, or the connection's frameMax higher.`,
  )
}

type SizeOf = (text: string) => number
const roughly: SizeOf = (text) => text.length * 3
const exactly: SizeOf = (text) => Buffer.byteLength(text)

/** Bytes of a field table on the wire, or somewhat more: all numbers count as eight bytes. */
export function tableSize(table: object, sizeOf: SizeOf = exactly): number {
  let size = 4
  for (const name in table) {
    const value = (table as Headers)[name]
    if (value !== undefined) size += 1 + sizeOf(name) + valueSize(value, sizeOf)
  }
  return size
}

function valueSize(value: unknown, sizeOf: SizeOf): number {
  if (typeof value === 'string') return 5 + sizeOf(value)
  if (typeof value !== 'object') return 9
  if (value === null) return 1
  if (value instanceof Uint8Array) return 5 + value.length
  if (Array.isArray(value)) return value.reduce<number>((size, one) => size + valueSize(one, sizeOf), 5)
  return 1 + tableSize(value, sizeOf)
}

function propertiesSize(options: object | null | undefined): number {
  const texts = [
    'contentType',
    'contentEncoding',
    'correlationId',
    'replyTo',
    'expiration',
    'messageId',
    'type',
    'userId',
    'appId',
  ]
  return texts.reduce((size, name) => {
    const value = (options as Headers | null | undefined)?.[name]
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    return text === undefined ? size : size + 1 + Buffer.byteLength(text)
  }, 0)
}
