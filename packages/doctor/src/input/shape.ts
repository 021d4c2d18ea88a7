// Reading foreign JSON: whatever is not as expected is left out, and nothing throws.
export type Json = Record<string, unknown>

export function objectOf(value: unknown): Json | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

export function objectsOf(value: unknown): Json[] {
  return listOf(value)
    .map(objectOf)
    .filter((item) => item !== undefined)
}

export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

/** A number given as one or as text; `otherwise` if it is neither. */
export function numberOf(value: unknown, otherwise = 0): number {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  return typeof number === 'number' && Number.isFinite(number) ? number : otherwise
}

/** int64 comes as text: beyond 2^53 it stays text, since a double would change it. */
export function integerOf(value: unknown): number | string {
  if (typeof value === 'number') return value
  if (typeof value !== 'string') return 0
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

/** As far as a Date goes, in microseconds. */
const LATEST = 8_640_000_000_000_000_000

/** Epoch microseconds that can be a time at all. */
export function isTime(micros: number): boolean {
  return micros >= 0 && micros <= LATEST
}

/** `undefined` where the duration is none. */
export function endOf(start: number, duration: number): number | undefined {
  return isTime(start + duration) ? start + duration : undefined
}
