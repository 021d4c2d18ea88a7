/** Places at first, and at most; powers of two. */
const FEWEST = 64
const MOST = 65_536

/**
 * Values by delivery tag, for tags that only grow and are mostly settled soon. A `Map` would do, at a price that is paid in
 * garbage collection: each time its table is renewed the old one, dead but old, keeps what is in it alive for another round,
 * which on a busy channel is nearly every message. So the newest have a place each, by their tag; one that is still open
 * when its place is needed makes room in a map, unless so many are open that more places are worth it.
 */
export class OpenTags<V> {
  #tags: number[] = places(FEWEST, 0)
  #values: (V | undefined)[] = places(FEWEST, undefined)
  #count = 0
  #newest = 0
  readonly #older: Map<number, V> = new Map()

  get(tag: number): V | undefined {
    const place = tag & (this.#tags.length - 1)
    return this.#tags[place] === tag ? this.#values[place] : this.#older.get(tag)
  }

  /** @param value not `undefined` */
  set(tag: number, value: V): void {
    const place = tag & (this.#tags.length - 1)
    const before = this.#values[place]
    if (before !== undefined && this.#tags[place] !== tag) {
      if (this.#count > this.#tags.length / 2 && this.#tags.length < MOST) {
        this.#grow()
        this.set(tag, value)
        return
      }
      this.#older.set(this.#tags[place]!, before)
    } else if (before === undefined) this.#count++
    this.#tags[place] = tag
    this.#values[place] = value
    this.#newest = tag
  }

  delete(tag: number): void {
    const place = tag & (this.#tags.length - 1)
    if (this.#tags[place] !== tag) this.#older.delete(tag)
    else if (this.#values[place] !== undefined) {
      this.#values[place] = undefined
      this.#count--
    }
  }

  /** The open tags up to this one, in order; deleting them meanwhile is allowed. */
  *upTo(last: number): Iterable<[tag: number, value: V]> {
    // A map keeps the order of insertion, and what has made room is older than what has a place.
    for (const [tag, value] of this.#older) {
      if (tag > last) break
      yield [tag, value]
    }
    const { length } = this.#tags
    for (let tag = this.#newest - length + 1; tag <= Math.min(last, this.#newest) && this.#count > 0; tag++) {
      const value = this.#values[tag & (length - 1)]
      if (value !== undefined && this.#tags[tag & (length - 1)] === tag) yield [tag, value]
    }
  }

  #grow(): void {
    const [tags, values] = [this.#tags, this.#values]
    const length = tags.length * 2
    this.#tags = places(length, 0)
    this.#values = places(length, undefined)
    for (const [i, value] of values.entries()) {
      if (value === undefined) continue
      const place = tags[i]! & (length - 1)
      this.#tags[place] = tags[i]!
      this.#values[place] = value
    }
  }
}

function places<T>(length: number, content: T): T[] {
  return Array.from({ length }, () => content)
}
