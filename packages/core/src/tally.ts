import type { Attributes, Counter } from '@opentelemetry/api'

/** Most that is held back, so that a meter which never collects is not far behind either. */
const HELD_BACK = 100

/**
 * A counter whose additions are gathered until metrics are collected. The SDK sorts and serialises the attributes of every
 * addition, which would cost more than all else that is done for a counter; the sums that it exports are the same.
 */
export class Tally {
  readonly #counter: Counter<Attributes>
  readonly #held = new Map<Attributes, number>()

  constructor(counter: Counter<Attributes>) {
    this.#counter = counter
  }

  /** @param attributes of a series if they are frozen, see `SeriesAttributes`; else told at once */
  add(count: number, attributes: Attributes): void {
    if (!Object.isFrozen(attributes)) {
      this.#counter.add(count, attributes)
      return
    }
    const held = (this.#held.get(attributes) ?? 0) + count
    if (held >= HELD_BACK) this.#counter.add(held, attributes)
    this.#held.set(attributes, held >= HELD_BACK ? 0 : held)
  }

  /** Tells the counter what is held back. */
  flush(): void {
    for (const [attributes, count] of this.#held) {
      if (count === 0) continue
      this.#held.set(attributes, 0)
      this.#counter.add(count, attributes)
    }
  }
}
