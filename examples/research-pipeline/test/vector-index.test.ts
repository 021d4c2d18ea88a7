import { describe, expect, test } from 'vitest'
import { readCorpus } from '../src/agent/corpus.ts'
import { DIMENSIONS, embedderOf } from '../src/search/embedding.ts'
import { createIndex } from '../src/search/vector-index.ts'

const corpus = readCorpus()
const embed = embedderOf(corpus.map(({ text }) => text))
const cosine = (a: string, b: string): number => {
  const other = embed(b)
  return embed(a).reduce((sum, value, i) => sum + value * (other[i] as number), 0)
}

describe('an embedding', () => {
  test('has length 1, the same every time, and is nothing for a text without words', () => {
    const vector = embed('the cost of loading a ship')
    expect(vector).toHaveLength(DIMENSIONS)
    expect(Math.hypot(...vector)).toBeCloseTo(1, 5)
    expect(embed('the cost of loading a ship')).toEqual(vector)
    expect(Math.hypot(...embed('of the?'))).toBe(0)
  })

  test('knows spelling: parts of words bring texts near, other words do not', () => {
    expect(cosine('loading cargo', 'loaded cargo')).toBeGreaterThan(0.99)
    expect(cosine('harbour', 'harbours master')).toBeGreaterThan(0.5)
    expect(cosine('harbour', 'harbourside')).toBeGreaterThan(0.15)
    expect(Math.abs(cosine('harbour', 'tide'))).toBeLessThan(0.1)
  })

  test('a rare word tells more than a common one', () => {
    expect(cosine('container demurrage', 'demurrage')).toBeGreaterThan(
      cosine('container demurrage', 'container'),
    )
  })
})

describe('the index', () => {
  const index = createIndex(corpus)

  test('has all sentences, and finds each by its own words', () => {
    expect(index.size).toBe(corpus.length)
    for (const { source, text } of corpus) {
      expect(index.search(`${source} ${text}`, 1)[0]).toMatchObject({ source, text })
    }
  })

  test('is as exact as comparing with all of them, the nearest first', () => {
    const query = 'container cost load ship'
    const texts = corpus.map(({ source, text }) => `${source} ${text}`)
    const embedded = embedderOf(texts)
    const wanted = embedded(query)
    const exact = texts
      .map((text) => 1 - embedded(text).reduce((sum, value, i) => sum + value * (wanted[i] as number), 0))
      .toSorted((a, b) => a - b)
    const found = index.search(query, 6).map(({ distance }) => distance)
    expect(found).toHaveLength(6)
    for (const [i, distance] of found.entries()) expect(distance).toBeCloseTo(exact[i] as number, 4)
  })

  test('two of them say the same; more than there is cannot be had', () => {
    const again = createIndex(corpus)
    expect(again.search('who pays', 4)).toEqual(index.search('who pays', 4))
    expect(index.search('who pays', 10_000)).toHaveLength(corpus.length)
  })
})
