import type { TextMapGetter } from '@opentelemetry/api'

/**
 * Longest value that is read, in characters, checked before anything is parsed. Names not listed here (those of other
 * propagators) are cut at `OTHER_LIMIT`. Source: conventions §2.
 */
const LIMITS: Readonly<Record<string, number>> = {
  traceparent: 512,
  tracestate: 512,
  baggage: 8192,
  waybill: 128,
}
const OTHER_LIMIT = 8192
const MAX_BAGGAGE_MEMBERS = 64

/** The text in a header value as clients deliver it: string, bytes, or a list of those, of which the last one counts. */
function text(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  if (value instanceof Uint8Array)
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('utf8')
  if (Array.isArray(value)) {
    for (let i = value.length - 1; i >= 0; i--) {
      const element: unknown = value[i]
      if (typeof element === 'string' || element instanceof Uint8Array) return text(element)
    }
  }
  return undefined
}

function withinLimit(name: string, value: string | undefined): string | undefined {
  if (value === undefined || value.length > (LIMITS[name] ?? OTHER_LIMIT)) return undefined
  return name === 'baggage' ? firstMembers(value) : value
}

function firstMembers(baggage: string): string {
  let end = -1
  for (let members = 0; members < MAX_BAGGAGE_MEMBERS; members++) {
    end = baggage.indexOf(',', end + 1)
    if (end < 0) return baggage
  }
  return baggage.slice(0, end)
}

/**
 * An OpenTelemetry getter that reads what clients really deliver: the exact name first, then any letter case; text from
 * bytes and from lists; over-long values not at all. It exists so that every broker is read by the same rules
 * (conventions §2).
 *
 * @param own value under exactly this name, `undefined` if the carrier itself has none (own properties only)
 * @param names all names in the carrier
 */
export function tolerantGetter<C>(
  own: (carrier: C, name: string) => unknown,
  names: (carrier: C) => Iterable<string>,
): TextMapGetter<C | null | undefined> {
  return {
    keys: (carrier) => (carrier === null || carrier === undefined ? [] : [...names(carrier)]),
    get(carrier, name) {
      if (carrier === null || carrier === undefined) return undefined
      const exact = text(own(carrier, name))
      if (exact !== undefined) return withinLimit(name, exact)
      for (const other of names(carrier)) {
        if (other.length === name.length && other !== name && other.toLowerCase() === name) {
          const found = text(own(carrier, other))
          if (found !== undefined) return withinLimit(name, found)
        }
      }
      return undefined
    },
  }
}

/** Reads a plain object of headers: AMQP, Kafka, a parsed JSON object. */
export const recordGetter: TextMapGetter<object | null | undefined> = tolerantGetter<object>(
  (record, name) => (Object.hasOwn(record, name) ? (record as Record<string, unknown>)[name] : undefined),
  Object.keys,
)

/** Reads a `Map` whose keys are strings or bytes. */
export const mapGetter: TextMapGetter<ReadonlyMap<unknown, unknown> | null | undefined> = tolerantGetter<
  ReadonlyMap<unknown, unknown>
>(
  (map, name) => {
    let found: unknown = map.get(name)
    if (found === undefined) {
      for (const [key, value] of map) if (text(key) === name) found = value
    }
    return found
  },
  function* names(map) {
    for (const key of map.keys()) {
      const name = text(key)
      if (name !== undefined) yield name
    }
  },
)

/** Reads a flat list of alternating names and values, strings or bytes: a Redis stream entry. The last field wins. */
export const fieldListGetter: TextMapGetter<readonly unknown[] | null | undefined> = tolerantGetter<
  readonly unknown[]
>(
  (list, name) => {
    let found: unknown
    for (let i = 0; i + 1 < list.length; i += 2) if (text(list[i]) === name) found = list[i + 1]
    return found
  },
  function* names(list) {
    for (let i = 0; i + 1 < list.length; i += 2) {
      const name = text(list[i])
      if (name !== undefined) yield name
    }
  },
)

/**
 * The object in a JSON text, to be read with `recordGetter`; `undefined` for anything that is not a JSON object. Never
 * throws: other vendors store bare strings, `null` and worse in the same place.
 */
export function parseJsonCarrier(json: unknown): Record<string, unknown> | undefined {
  if (typeof json !== 'string' || json.length > 65_536) return undefined
  try {
    const value: unknown = JSON.parse(json)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}

/** What to write into one message: our fields, and which names already there they replace. */
export interface Stamp {
  /** Names and values in the order in which they are to be written; all text. */
  readonly fields: Readonly<Record<string, string>>
  /** Lower-case names that must not stay, since they are replaced or were copied from another message. */
  readonly replaces: ReadonlySet<string>
}

/**
 * A copy of a header object with our fields written over it. Inherited keys are copied too, because amqplib sends them;
 * the caller's object is only read, so a frozen one works.
 */
export function stampRecord<V>(
  headers: Readonly<Record<string, V>> | null | undefined,
  stamp: Stamp,
): Record<string, V | string> {
  const copy: Record<string, V | string> = {}
  for (const name in headers) {
    if (stamp.replaces.has(name.toLowerCase())) continue
    if (name === '__proto__')
      Object.defineProperty(copy, name, {
        value: headers[name],
        enumerable: true,
        writable: true,
        configurable: true,
      })
    else copy[name] = headers[name] as V
  }
  return Object.assign(copy, stamp.fields)
}

/** A copy of a flat list of names and values with our fields after the user's own, always in the same order. */
export function stampFieldList<V>(list: readonly V[], stamp: Stamp): (V | string)[] {
  const copy: (V | string)[] = []
  for (let i = 0; i < list.length; i += 2) {
    const name = text(list[i])
    if (name !== undefined && stamp.replaces.has(name.toLowerCase())) continue
    copy.push(list[i] as V)
    if (i + 1 < list.length) copy.push(list[i + 1] as V)
  }
  for (const name in stamp.fields) copy.push(name, stamp.fields[name] as string)
  return copy
}
