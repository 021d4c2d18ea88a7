import { expect, test } from 'vitest'
import { readCorpus } from '../src/agent/corpus.ts'
import { byOverlap, keywords, overlap } from '../src/agent/words.ts'

test('the corpus is read sentence by sentence, each with its title', () => {
  const corpus = readCorpus()
  expect(corpus.length).toBeGreaterThan(5)
  for (const { source, text } of corpus) {
    expect(source).not.toBe('')
    expect(text).toMatch(/^[A-Z].*\.$/)
  }
})

test('keywords leave out fillers and endings', () => {
  expect(keywords('Who pays when the containers waited?')).toEqual(['pay', 'container', 'wait'])
})

test('a word counts once, however often it occurs', () => {
  expect(overlap('cost of loading', 'Loading costs, loading, costs')).toBe(2)
})

test('the best comes first, equal ones in their own order', () => {
  expect(byOverlap('ship port', ['no', 'a port', 'a ship in port', 'a ship'], (text) => text)).toEqual([
    'a ship in port',
    'a port',
    'a ship',
    'no',
  ])
})
