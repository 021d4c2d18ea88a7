import type { Context } from '@opentelemetry/api'

/**
 * `context.setValue()` for what every message gets: it does not copy the values that are there already, as the API's own
 * context does each time.
 */
export function withValue(context: Context, key: symbol, value: unknown): Context {
  return new ContextWithValue(context, key, value)
}

class ContextWithValue implements Context {
  readonly #parent: Context
  readonly #key: symbol
  readonly #value: unknown

  constructor(parent: Context, key: symbol, value: unknown) {
    this.#parent = parent
    this.#key = key
    this.#value = value
  }

  getValue(key: symbol): unknown {
    return key === this.#key ? this.#value : this.#parent.getValue(key)
  }

  // What is set later goes beneath, so that contexts which are derived again and again do not grow.
  setValue(key: symbol, value: unknown): Context {
    if (key === this.#key) return new ContextWithValue(this.#parent, key, value)
    return new ContextWithValue(this.#parent.setValue(key, value), this.#key, this.#value)
  }

  deleteValue(key: symbol): Context {
    const parent = this.#parent.deleteValue(key)
    return key === this.#key ? parent : new ContextWithValue(parent, this.#key, this.#value)
  }
}
