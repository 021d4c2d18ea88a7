import { readFileSync } from 'node:fs'

/** Of this package, from its own manifest: one place to change it. */
export const VERSION: string = (
  JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
).version
