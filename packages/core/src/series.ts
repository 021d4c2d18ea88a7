import type { Attributes } from '@opentelemetry/api'

/** Names of destinations that are not templates may be many after all: beyond this number nothing is kept. */
const MOST = 1000

/**
 * The attributes of metric points, one frozen object for each series, made once: for all messages of one place they are the
 * same, and their identity tells a series apart at no cost. Bounded; what is beyond the bound is made anew, unfrozen.
 */
export class SeriesAttributes {
  readonly #byOperation: Map<string, Map<string, Map<string, Attributes>>> = new Map()
  #kept = 0

  /** @param place the destination, as far as points tell it @param make makes the attributes of a new series */
  of(operation: string, group: string, place: string, make: () => Attributes): Attributes {
    const byGroup = levelOf(this.#byOperation, operation)
    const byPlace = levelOf(byGroup, group)
    const kept = byPlace.get(place)
    if (kept !== undefined) return kept
    const made = make()
    if (this.#kept >= MOST) return made
    this.#kept++
    byPlace.set(place, Object.freeze(made))
    return made
  }
}

function levelOf<V>(level: Map<string, Map<string, V>>, key: string): Map<string, V> {
  let next = level.get(key)
  if (next === undefined) level.set(key, (next = new Map()))
  return next
}

const variants = new WeakMap<Attributes, Map<string, Attributes>>()

/** A series with one attribute more, which has few values; frozen too if the series is. */
export function seriesWith(series: Attributes, name: string, value: string): Attributes {
  if (!Object.isFrozen(series)) return { ...series, [name]: value }
  const known = variants.get(series) ?? new Map<string, Attributes>()
  variants.set(series, known)
  const variant = known.get(value) ?? Object.freeze({ ...series, [name]: value })
  known.set(value, variant)
  return variant
}
