import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { RawSpan } from '../src/input/raw-span.ts'
import { readSources, type InputFacts } from '../src/input/read.ts'

export const fixtures: string = path.join(import.meta.dirname, 'fixtures')

export interface Read {
  readonly spans: readonly RawSpan[]
  readonly input: InputFacts
}

/** Reads a text as if it were a file. */
export async function readText(text: string | Uint8Array, name = 'export.json'): Promise<Read> {
  const spans: RawSpan[] = []
  async function* open(): AsyncGenerator<Uint8Array> {
    yield await Promise.resolve(Buffer.from(text))
  }
  const input = await readSources([{ name, open }], (span) => spans.push(span))
  return { spans, input }
}

export function readFixture(name: string): Promise<Read> {
  return readText(readFileSync(path.join(fixtures, name)), name)
}
