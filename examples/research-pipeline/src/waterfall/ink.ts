/** Colours for a terminal; each function returns the text itself where there is none. */
export interface Ink {
  readonly work: (text: string) => string
  readonly transit: (text: string) => string
  readonly faint: (text: string) => string
  readonly strong: (text: string) => string
  readonly good: (text: string) => string
  readonly bad: (text: string) => string
}

/** Colour for people only, and not for those who have switched it off: https://no-color.org */
export function inkFor(output: { readonly isTTY?: boolean }, env: NodeJS.ProcessEnv): Ink {
  return output.isTTY === true && !env['NO_COLOR'] ? coloured : plain
}

const asIs = (text: string): string => text
const escape =
  (code: number) =>
  (text: string): string =>
    text === '' ? '' : `\u001B[${code}m${text}\u001B[0m`

export const plain: Ink = { work: asIs, transit: asIs, faint: asIs, strong: asIs, good: asIs, bad: asIs }
export const coloured: Ink = {
  work: escape(36),
  transit: escape(33),
  faint: escape(2),
  strong: escape(1),
  good: escape(32),
  bad: escape(31),
}
