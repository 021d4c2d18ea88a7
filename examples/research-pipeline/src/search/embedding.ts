import { keywords } from '../agent/words.ts'

/** Enough for a few hundred words with their parts to rarely meet. */
export const DIMENSIONS = 256

/** Parts of words weigh less than words: they only bring `loaded` near to `loader`. */
const PART_WEIGHT = 0.3

/** Makes a vector of length 1 of a text. */
export type Embed = (text: string) => Float32Array

/**
 * Embeddings without a model: words and their three-letter parts, weighted by how rare they are in the corpus (TF-IDF) and
 * hashed to places in a vector. They know spelling, not meaning; but they are made here, in no time, and are always the same.
 */
export function embedderOf(corpus: readonly string[]): Embed {
  const occurrences = new Map<string, number>()
  for (const text of corpus)
    for (const feature of featuresOf(text).keys())
      occurrences.set(feature, (occurrences.get(feature) ?? 0) + 1)
  const rarity = (feature: string): number =>
    Math.log((1 + corpus.length) / (1 + (occurrences.get(feature) ?? 0))) + 1

  return (text) => {
    const vector = new Float32Array(DIMENSIONS)
    for (const [feature, weight] of featuresOf(text)) {
      const hash = hashOf(feature)
      // A sign by another bit: features that meet in one place then cancel out as often as they add up.
      vector[hash % DIMENSIONS]! += (hash & 0x80000000 ? -1 : 1) * weight * rarity(feature)
    }
    const length = Math.hypot(...vector)
    return length === 0 ? vector : vector.map((value) => value / length)
  }
}

function featuresOf(text: string): Map<string, number> {
  const features = new Map<string, number>()
  const add = (feature: string, weight: number): void =>
    void features.set(feature, (features.get(feature) ?? 0) + weight)
  for (const word of keywords(text)) {
    add(word, 1)
    const framed = `<${word}>`
    for (let i = 0; i + 3 <= framed.length; i++) add(`#${framed.slice(i, i + 3)}`, PART_WEIGHT)
  }
  return features
}

/** FNV-1a, 32 bits. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (const character of text) hash = Math.imul(hash ^ character.codePointAt(0)!, 0x01000193)
  return hash >>> 0
}
