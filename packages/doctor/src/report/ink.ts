import { styleText } from 'node:util'

type Style = 'red' | 'yellow' | 'green' | 'cyan' | 'magenta' | 'blue' | 'dim' | 'bold'

/** Colours a text, or leaves it. */
export type Ink = (style: Style, text: string) => string

export const plain: Ink = (_style, text) => text

/** Colours only for people: a terminal, and nobody who said no (https://no-color.org). */
export function inkFor(stream: { readonly isTTY?: boolean }, env: NodeJS.ProcessEnv): Ink {
  const wanted = (env['FORCE_COLOR'] ?? '0') !== '0' || stream.isTTY === true
  if (!wanted || (env['NO_COLOR'] ?? '') !== '') return plain
  return (style, text) => styleText(style, text, { validateStream: false })
}
