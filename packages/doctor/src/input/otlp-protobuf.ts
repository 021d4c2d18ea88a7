// The binary encoding of OTLP, decoded to the shape of its JSON encoding, so that one reader serves both.
// Field numbers: opentelemetry/proto/trace/v1/trace.proto, common.proto, resource.proto (OTLP 1.x).
import { BinaryReader } from '@bufbuild/protobuf/wire'
import type { Json } from './shape.ts'

type Field = (reader: BinaryReader, target: Json) => void
type Fields = Readonly<Record<number, Field>>

const text =
  (key: string): Field =>
  (reader, target) =>
    void (target[key] = reader.string())
const hex =
  (key: string): Field =>
  (reader, target) =>
    void (target[key] = Buffer.from(reader.bytes()).toString('hex'))
const time =
  (key: string): Field =>
  (reader, target) =>
    void (target[key] = String(reader.fixed64()))
const uint =
  (key: string): Field =>
  (reader, target) =>
    void (target[key] = reader.uint32())
const one =
  (key: string, fields: () => Fields): Field =>
  (reader, target) =>
    void (target[key] = message(reader, fields()))
const many =
  (key: string, fields: () => Fields): Field =>
  (reader, target) => {
    const list = (target[key] ??= []) as Json[]
    list.push(message(reader, fields()))
  }

const VALUE: Fields = {
  1: text('stringValue'),
  2: (reader, target) => void (target['boolValue'] = reader.bool()),
  3: (reader, target) => void (target['intValue'] = String(reader.int64())),
  4: (reader, target) => void (target['doubleValue'] = reader.double()),
  5: one('arrayValue', () => ({ 1: many('values', () => VALUE) })),
  6: one('kvlistValue', () => ({ 1: many('values', () => PAIR) })),
  7: (reader, target) => void (target['bytesValue'] = Buffer.from(reader.bytes()).toString('base64')),
}
const PAIR: Fields = { 1: text('key'), 2: one('value', () => VALUE) }
const attributes = (key = 'attributes'): Field => many(key, () => PAIR)

const EVENT: Fields = { 1: time('timeUnixNano'), 2: text('name'), 3: attributes() }
const LINK: Fields = { 1: hex('traceId'), 2: hex('spanId'), 4: attributes() }
const STATUS: Fields = { 2: text('message'), 3: uint('code') }
const SPAN: Fields = {
  1: hex('traceId'),
  2: hex('spanId'),
  3: text('traceState'),
  4: hex('parentSpanId'),
  5: text('name'),
  6: uint('kind'),
  7: time('startTimeUnixNano'),
  8: time('endTimeUnixNano'),
  9: attributes(),
  11: many('events', () => EVENT),
  13: many('links', () => LINK),
  14: uint('droppedLinksCount'),
  15: one('status', () => STATUS),
  16: (reader, target) => void (target['flags'] = reader.fixed32()),
}
const SCOPE: Fields = { 1: text('name'), 2: text('version') }
const SCOPE_SPANS: Fields = { 1: one('scope', () => SCOPE), 2: many('spans', () => SPAN) }
const RESOURCE_SPANS: Fields = {
  1: one('resource', () => ({ 1: attributes() })),
  2: many('scopeSpans', () => SCOPE_SPANS),
}
const REQUEST: Fields = { 1: many('resourceSpans', () => RESOURCE_SPANS) }

/** An `ExportTraceServiceRequest`, as its JSON encoding would be. Throws on what is no protobuf. */
export function decodeRequest(bytes: Uint8Array): Json {
  const reader = new BinaryReader(bytes)
  return fieldsOf(reader, reader.len, REQUEST)
}

function message(reader: BinaryReader, fields: Fields): Json {
  const length = reader.uint32()
  return fieldsOf(reader, reader.pos + length, fields)
}

function fieldsOf(reader: BinaryReader, end: number, fields: Fields): Json {
  const target: Json = {}
  while (reader.pos < end) {
    const [number, type] = reader.tag()
    const read = fields[number]
    // Fields of a later version of OTLP.
    if (read === undefined) reader.skip(type, number)
    else read(reader, target)
  }
  return target
}
