import { readFileSync } from 'node:fs'
import type { Passage } from '../messages.ts'

/** Its sentences, one by one. An empty line separates its notes; the first line of each is its title. */
export function readCorpus(
  file: URL = new URL('../../corpus/harbour-notes.txt', import.meta.url),
): Passage[] {
  return readFileSync(file, 'utf8')
    .trim()
    .split(/\r?\n\r?\n/)
    .flatMap((block) => {
      const [source = '', ...lines] = block.split(/\r?\n/)
      const sentences = lines.join(' ').match(/[^.]+\./g) ?? []
      return sentences.map((sentence) => ({ source, text: sentence.trim() }))
    })
}
