/** Checks of options, for `createTelemetry`: what was expected, or `undefined` if the value is fine. */
export type Check = (value: unknown) => string | undefined

export const isText: Check = (value) =>
  typeof value === 'string' && value !== '' ? undefined : 'a non-empty string'
export const isFlag: Check = (value) => (typeof value === 'boolean' ? undefined : 'a boolean')
export const isTemplate: Check = (value) =>
  typeof value === 'string' || typeof value === 'function'
    ? undefined
    : 'a string or a function of the stream'
export const isWhole =
  (min: number, max: number): Check =>
  (value) =>
    typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max
      ? undefined
      : `an integer from ${min} to ${max}`
