import { createReadStream, statSync } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { glob, isDynamicPattern } from 'tinyglobby'
import { UnreadableInput } from './json-values.ts'

/** Something that holds an export. */
export interface Source {
  readonly name: string
  open(): AsyncIterable<Uint8Array>
}

/** The files that the arguments name, patterns expanded, `-` being standard input; each once, patterns in order of name. */
export async function sourcesOf(patterns: readonly string[]): Promise<Source[]> {
  const sources = new Map<string, Source>()
  for (const pattern of patterns) {
    if (pattern === '-') {
      sources.set('-', { name: 'standard input', open: () => process.stdin as AsyncIterable<Uint8Array> })
      continue
    }
    for (const file of await filesOf(pattern)) {
      sources.set(file, { name: file, open: () => createReadStream(file, { highWaterMark: 1 << 18 }) })
    }
  }
  return [...sources.values()]
}

async function filesOf(pattern: string): Promise<string[]> {
  const stats = statSync(pattern, { throwIfNoEntry: false })
  if (stats?.isDirectory() === true) {
    throw new UnreadableInput(`${pattern} is a folder: name its files, e.g. '${pattern}/*.json'`)
  }
  if (stats !== undefined) return [pattern]
  const files = isDynamicPattern(pattern) ? (await glob(pattern, { absolute: false })).sort() : []
  if (files.length === 0) throw new UnreadableInput(`${pattern}: no such file`)
  return files
}

/** The bytes of a source, unpacked if they are gzip: told by their first two bytes, since names lie. */
export async function* bytesOf(source: Source, warn: (message: string) => void): AsyncGenerator<Uint8Array> {
  const iterator = source.open()[Symbol.asyncIterator]()
  const head = await first(iterator)
  const all = rejoin(head, iterator)
  const isGzip = head[0]?.[0] === 0x1f && (head[0]?.[1] ?? 0) === 0x8b
  if (!isGzip) {
    yield* all
    return
  }
  const gunzip = createGunzip()
  // An error of either side also ends the loop below, which tells it.
  pipeline(Readable.from(all, { objectMode: false }), gunzip).catch(() => undefined)
  let any = false
  try {
    for await (const chunk of gunzip as AsyncIterable<Uint8Array>) {
      any = true
      yield chunk
    }
  } catch (error) {
    if (!any) throw new UnreadableInput(`${source.name} is not valid gzip: ${(error as Error).message}`)
    warn(`${source.name}: the gzip data ends early (${(error as Error).message}); what came before was read`)
  }
}

async function first(iterator: AsyncIterator<Uint8Array>): Promise<Uint8Array[]> {
  const { done, value } = await iterator.next()
  if (done === true) return []
  if (value.length >= 2) return [value]
  const next = await iterator.next()
  return next.done === true ? [value] : [Buffer.concat([value, next.value])]
}

async function* rejoin(
  head: readonly Uint8Array[],
  iterator: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield* head
  for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value
}
