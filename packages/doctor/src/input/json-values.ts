import { constants } from 'node:buffer'

/** A file that cannot be read as JSON at all: its message is a sentence for people. */
export class UnreadableInput extends Error {}

export interface JsonValuesOptions {
  /** Named in messages. */
  readonly name: string
  readonly warn: (message: string) => void
}

const NEWLINE = 0x0a

/**
 * The JSON values of a stream: one document, or one value a line. Lines are parsed as they come, so that a file of any size
 * needs the memory of one line. A line that is no JSON is left out with a warning.
 */
export async function* jsonValues(
  bytes: AsyncIterable<Uint8Array>,
  { name, warn }: JsonValuesOptions,
): AsyncGenerator<unknown> {
  let mode: 'unknown' | 'lines' | 'document' = 'unknown'
  let lineNumber = 0
  const whole: string[] = []
  let length = 0
  for await (const { text, last } of lines(bytes, name)) {
    lineNumber++
    if (mode === 'document') {
      length += text.length + 1
      if (length > constants.MAX_STRING_LENGTH) throw tooLarge(name)
      whole.push(text)
      continue
    }
    if (text.trim() === '') continue
    const value = parse(text)
    if (value !== undefined) {
      mode = 'lines'
      yield value.value
    } else if (mode === 'lines') {
      warn(
        last
          ? `${name}: the last line is cut off and was left out`
          : `${name}: line ${lineNumber} is not JSON and was left out`,
      )
    } else {
      mode = 'document'
      whole.push(text)
    }
  }
  if (mode === 'document') yield* documentValues(whole, name, warn)
}

function* documentValues(
  whole: readonly string[],
  name: string,
  warn: (message: string) => void,
): Generator<unknown> {
  const document = parse(whole.join('\n'))
  if (document !== undefined) {
    yield document.value
    return
  }
  // The first line was none, but others may be: a log line before an export.
  const values = whole.map(parse)
  const readable = values.filter((value) => typeof value?.value === 'object' && value.value !== null)
  if (readable.length === 0) throw notJson(name, whole[0] ?? '')
  values.forEach((value, i) => {
    if (value === undefined && whole[i]?.trim() !== '')
      warn(`${name}: line ${i + 1} is not JSON and was left out`)
  })
  for (const value of readable) yield value?.value
}

function notJson(name: string, firstLine: string): UnreadableInput {
  if (/^\s*</.test(firstLine)) {
    return new UnreadableInput(
      `${name} is an HTML page, not an export of traces: perhaps a login or error page was saved instead`,
    )
  }
  return new UnreadableInput(`${name} is not JSON, or its end is missing`)
}

function tooLarge(name: string): UnreadableInput {
  return new UnreadableInput(
    `${name} is one JSON document of more than ${constants.MAX_STRING_LENGTH >> 20} MiB: export it as OTLP JSON lines, one request a line`,
  )
}

function parse(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) as unknown }
  } catch {
    return undefined
  }
}

async function* lines(
  bytes: AsyncIterable<Uint8Array>,
  name: string,
): AsyncGenerator<{ readonly text: string; readonly last: boolean }> {
  let parts: Uint8Array[] = []
  let size = 0
  const take = (): string => {
    if (size > constants.MAX_STRING_LENGTH) throw tooLarge(name)
    const text = Buffer.concat(parts).toString('utf8')
    parts = []
    size = 0
    // A byte order mark is no JSON.
    return text.startsWith('\u{feff}') ? text.slice(1) : text
  }
  for await (const chunk of bytes) {
    let from = 0
    for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, from)) {
      parts.push(chunk.subarray(from, at))
      size += at - from
      yield { text: take(), last: false }
      from = at + 1
    }
    if (from < chunk.length) {
      parts.push(chunk.subarray(from))
      size += chunk.length - from
    }
  }
  if (size > 0) yield { text: take(), last: true }
}
