import { readDocument, type Format } from './document.ts'
import { jsonValues, UnreadableInput } from './json-values.ts'
import type { SpanSink } from './raw-span.ts'
import { bytesOf, type Source } from './source.ts'

/** What is to be said about the input as a whole. */
export interface InputFacts {
  readonly files: readonly string[]
  readonly formats: readonly (Format | 'otlp-lines' | 'in-process' | 'otlp-http')[]
  /** A backend gave a subset: what is missing proves nothing. */
  readonly partial: boolean
  readonly warnings: readonly string[]
}

/** Reads all sources, one after another, handing each span to `sink`. Rejects with `UnreadableInput`. */
export async function readSources(sources: readonly Source[], sink: SpanSink): Promise<InputFacts> {
  const warnings: string[] = []
  const warn = (message: string): void => void warnings.push(message)
  const formats = new Set<InputFacts['formats'][number]>()
  let partial = false
  for (const source of sources) {
    const seen = await readSource(source, sink, warn)
    for (const format of seen.formats) formats.add(format)
    partial ||= seen.partial
  }
  return { files: sources.map(({ name }) => name), formats: [...formats].sort(), partial, warnings }
}

interface Seen {
  readonly formats: ReadonlySet<InputFacts['formats'][number]>
  readonly partial: boolean
}

async function readSource(source: Source, sink: SpanSink, warn: (message: string) => void): Promise<Seen> {
  const formats = new Set<InputFacts['formats'][number]>()
  let partial = false
  let values = 0
  let unknown = 0
  let others = 0
  let unreadable = 0
  for await (const value of jsonValues(bytesOf(source, warn), { name: source.name, warn })) {
    values++
    const facts = readDocument(value, sink)
    unreadable += facts.unreadableSpans
    partial ||= facts.partial === true
    if (facts.format !== undefined) formats.add(facts.format)
    else if (facts.otherSignal === true) others++
    else unknown++
  }
  if (values === 0) throw new UnreadableInput(`${source.name} is empty`)
  if (formats.size === 0 && others === 0) {
    throw new UnreadableInput(
      `${source.name} is JSON, but none of the formats that are read: OTLP JSON, Tempo, Jaeger, Zipkin v2`,
    )
  }
  if (values > 1 && formats.delete('otlp-json')) formats.add('otlp-lines')
  if (unknown > 0) warn(`${source.name}: ${plural(unknown, 'value')} of an unknown format left out`)
  if (others > 0) warn(`${source.name}: ${plural(others, 'line')} of metrics or logs left out`)
  if (unreadable > 0)
    warn(`${source.name}: ${plural(unreadable, 'span')} without a valid id or start time left out`)
  return { formats, partial }
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
