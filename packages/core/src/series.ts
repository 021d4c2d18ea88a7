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

  /** @param place the destination, as far as points tell it */
  get(operation: string, group: string, place: string): Attributes | undefined {
    return this.#byOperation.get(operation)?.get(group)?.get(place)
  }

  /** Keeps the attributes of a new series, if there is room for it; gives them back. */
  keep(operation: string, group: string, place: string, made: Attributes): Attributes {
    if (this.#kept >= MOST) return made
    this.#kept++
    levelOf(levelOf(this.#byOperation, operation), group).set(place, Object.freeze(made))
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
  let known = variants.get(series)
  if (known === undefined) variants.set(series, (known = new Map<string, Attributes>()))
  let variant = known.get(value)
  if (variant === undefined) known.set(value, (variant = Object.freeze({ ...series, [name]: value })))
  return variant
}
