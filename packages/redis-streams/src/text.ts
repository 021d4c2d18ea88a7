/** Names, ids and values as text: replies hold strings or bytes. */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  return value instanceof Uint8Array
    ? Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('utf8')
    : String(value)
}
