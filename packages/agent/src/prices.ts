import type { Check } from '@waybill/core/adapter'

/** What tokens of a model cost, per million of them, in the currency of the settings. */
export interface Price {
  readonly input: number
  readonly output: number
}

/** Prices by the model's name, as spans and `recordUsage` give it. There is no price list of ours: prices change. */
export type Prices = Readonly<Record<string, Price>>

const isPrice = (value: unknown): boolean => {
  const { input, output } = (value ?? {}) as Partial<Price>
  return isAmount(input) && isAmount(output)
}

export function isAmount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}

export const arePrices: Check = (value) =>
  typeof value === 'object' && value !== null && Object.values(value).every(isPrice)
    ? undefined
    : 'an object of { input, output } per million tokens, by model'

/** The cost of one call; `undefined` if its model has no price. */
export function priceOf(
  prices: Prices,
  model: string | undefined,
  input: number,
  output: number,
): number | undefined {
  const price = model !== undefined && Object.hasOwn(prices, model) ? prices[model] : undefined
  return price && (input * price.input + output * price.output) / 1_000_000
}
