import { readChecked } from '../config.ts'
import type { Tokens } from './usage.ts'

/** Per million tokens. */
export interface Price {
  readonly input: number
  readonly output: number
  /** Default: as input. */
  readonly cacheRead?: number
  /** Default: as input. */
  readonly cacheCreation?: number
}

export interface Prices {
  /** ISO 4217. */
  readonly currency: string
  /** By name of the model; `*` stands for any characters at the end. */
  readonly models: Readonly<Record<string, Price>>
}

export function readPrices(file: string): Prices {
  return readChecked(file, 'prices') as Prices
}

/** The model's own price, else that of the longest prefix with `*`. */
export function priceOf(prices: Prices | undefined, model: string): Price | undefined {
  if (prices === undefined) return undefined
  if (Object.hasOwn(prices.models, model)) return prices.models[model]
  const [pattern] = Object.keys(prices.models)
    .filter((name) => name.endsWith('*') && model.startsWith(name.slice(0, -1)))
    .sort((a, b) => b.length - a.length)
  return pattern === undefined ? undefined : prices.models[pattern]
}

/** Cached tokens are part of the input, and have a price of their own. */
export function amountOf({ input, output, cacheRead, cacheCreation }: Tokens, price: Price): number {
  const fresh = Math.max(0, input - cacheRead - cacheCreation)
  const sum =
    fresh * price.input +
    cacheRead * (price.cacheRead ?? price.input) +
    cacheCreation * (price.cacheCreation ?? price.input) +
    output * price.output
  return sum / 1_000_000
}
