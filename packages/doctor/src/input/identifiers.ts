const TRACE_BYTES = 16
const SPAN_BYTES = 8

/** A trace id as 32 lower-case hex digits, from hex, unpadded hex or base64; `undefined` if it is none. */
export function traceIdOf(text: unknown): string | undefined {
  return identifier(text, TRACE_BYTES)
}

/** A span id as 16 lower-case hex digits, from hex, unpadded hex or base64; `undefined` if it is none. */
export function spanIdOf(text: unknown): string | undefined {
  return identifier(text, SPAN_BYTES)
}

/** The length tells base64 from hex: 24 characters for 16 bytes, 12 for 8, always with padding. */
function identifier(text: unknown, bytes: number): string | undefined {
  if (typeof text !== 'string' || text === '') return undefined
  const base64Length = Math.ceil(bytes / 3) * 4
  let hex = text
  if (text.length === base64Length && text.endsWith('=')) hex = Buffer.from(text, 'base64').toString('hex')
  if (hex.length > bytes * 2 || !/^[0-9a-f]+$/i.test(hex)) return undefined
  // Jaeger and Zipkin leave leading zeros out.
  if (hex.length < bytes * 2) hex = hex.padStart(bytes * 2, '0')
  hex = hex.toLowerCase()
  return /^0+$/.test(hex) ? undefined : hex
}
