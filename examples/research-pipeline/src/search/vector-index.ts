import { Index, MetricKind, ScalarKind } from 'usearch'
import type { Passage } from '../messages.ts'
import { DIMENSIONS, embedderOf } from './embedding.ts'

/** What a search gives: a passage, and its distance by cosine (0: the same direction). */
export interface Hit extends Passage {
  readonly distance: number
}

export interface VectorIndex {
  readonly size: number
  search(query: string, count: number): Hit[]
}

/** An HNSW index in memory over all passages. On one thread, so that it is built and searched the same way every time. */
export function createIndex(passages: readonly Passage[]): VectorIndex {
  const textOf = ({ source, text }: Passage): string => `${source} ${text}`
  const embed = embedderOf(passages.map(textOf))
  const index = new Index({
    metric: MetricKind.Cos,
    quantization: ScalarKind.F32,
    dimensions: DIMENSIONS,
    connectivity: 16,
    expansion_add: 128,
    expansion_search: 64,
    multi: false,
  })
  for (const [key, passage] of passages.entries()) index.add(BigInt(key), embed(textOf(passage)), 1)
  return {
    size: passages.length,
    search(query, count) {
      const { keys, distances } = index.search(embed(query), Math.min(count, passages.length), 1)
      return Array.from(keys, (key, i) => ({
        ...(passages[Number(key)] as Passage),
        distance: distances[i] as number,
      }))
    },
  }
}
