import { readFileSync } from 'node:fs'
import type { Passage } from '../messages.ts'

/** Passages are separated by an empty line; the first line of each is its title. */
export function readCorpus(
  file: URL = new URL('../../corpus/harbour-notes.txt', import.meta.url),
): Passage[] {
  return readFileSync(file, 'utf8')
    .trim()
    .split(/\r?\n\r?\n/)
    .map((block) => {
      const [title = '', ...lines] = block.split(/\r?\n/)
      return { title, text: lines.join(' ') }
    })
}
