import type { TextMapGetter } from '@opentelemetry/api'
import {
  fieldListGetter,
  parseJsonCarrier,
  recordGetter,
  stampFieldList,
  type Stamp,
} from '@waybill/core/adapter'
import { without } from './field-list.ts'
import { textOf } from './text.ts'

/**
 * Where in an entry the context lies: in `fields` of its own (default), in the JSON object that is the value of one field,
 * or wherever two functions put it and find it. These get and give names and values in turn, and must not write to what
 * they get.
 */
export type CarrierOption =
  | 'fields'
  | {
      /** Name of the field. A JSON object there gets the context as further properties; if there is none, it is added. */
      readonly json: string
    }
  | {
      readonly get: (fields: readonly unknown[]) => Readonly<Record<string, unknown>> | undefined
      readonly set: (
        fields: readonly unknown[],
        context: Readonly<Record<string, string>>,
      ) => readonly unknown[]
    }

/** A `CarrierOption` at work, on names and values in turn. */
export interface EntryCarrier {
  read(fields: readonly unknown[]): { readonly carrier: unknown; readonly getter: TextMapGetter<unknown> }
  /** A copy with the context written. */
  write(fields: readonly unknown[], stamp: Stamp): readonly unknown[]
  /** What the handler is to see; `names` are those of context fields, in lower case. */
  visible<V>(fields: readonly V[], names: ReadonlySet<string>): readonly V[]
}

const OWN_FIELDS: EntryCarrier = {
  read: (fields) => ({ carrier: fields, getter: fieldListGetter as TextMapGetter<unknown> }),
  write: stampFieldList,
  visible: without,
}

/** Says what a carrier option must be, or nothing if it is one. */
export function checkCarrier(option: unknown): string | undefined {
  const { json, get, set } = (option ?? {}) as { json?: unknown; get?: unknown; set?: unknown }
  const fine =
    option === 'fields' ||
    (typeof json === 'string' && json !== '') ||
    (typeof get === 'function' && typeof set === 'function')
  return fine ? undefined : "'fields', { json: 'name of a field' } or { get, set }"
}

export function carrierOf(option: CarrierOption = 'fields'): EntryCarrier {
  if (option === 'fields') return OWN_FIELDS
  return 'json' in option ? jsonCarrier(option.json) : customCarrier(option)
}

function customCarrier({ get, set }: Extract<CarrierOption, { get: unknown }>): EntryCarrier {
  return {
    read: (fields) => ({ carrier: get(fields), getter: recordGetter as TextMapGetter<unknown> }),
    write: (fields, stamp) => set(fields, stamp.fields),
    // Only who wrote them there knows what is context and what is payload.
    visible: (fields) => fields,
  }
}

function jsonCarrier(field: string): EntryCarrier {
  const at = (fields: readonly unknown[]): number => {
    for (let i = fields.length - 2; i >= 0; i -= 2) if (textOf(fields[i]) === field) return i + 1
    return -1
  }
  const parsed = (fields: readonly unknown[]): Record<string, unknown> | undefined => {
    const index = at(fields)
    return index < 0 ? undefined : parseJsonCarrier(textOf(fields[index]))
  }
  return {
    read: (fields) => ({ carrier: parsed(fields), getter: recordGetter as TextMapGetter<unknown> }),
    write(fields, stamp) {
      const index = at(fields)
      if (index < 0) return [...fields, field, JSON.stringify(stamp.fields)]
      const object = parsed(fields)
      // A text that is no object has no room for context.
      if (object === undefined) return fields
      const text = withProperties(textOf(fields[index]), object, stamp.fields)
      const copy = [...fields]
      copy[index] = fields[index] instanceof Uint8Array ? Buffer.from(text) : text
      return copy
    },
    visible(fields, names) {
      const object = parsed(fields)
      // The payload stays as it was written; a field that holds context and nothing else was made by a producer.
      if (object === undefined || Object.keys(object).some((name) => !names.has(name.toLowerCase())))
        return fields
      return without(fields, new Set([field.toLowerCase()]))
    },
  }
}

/**
 * Written into the text rather than made anew from the parsed object: long numbers and the application's own layout stay.
 * Of a name given twice, JSON readers take the last.
 */
function withProperties(
  text: string,
  object: Record<string, unknown>,
  properties: Readonly<Record<string, string>>,
): string {
  const end = text.lastIndexOf('}')
  const added = JSON.stringify(properties).slice(1)
  return `${text.slice(0, end)}${Object.keys(object).length === 0 ? '' : ','}${added}${text.slice(end + 1)}`
}
