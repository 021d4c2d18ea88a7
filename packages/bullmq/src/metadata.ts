import { createContextKey, ROOT_CONTEXT, type Context } from '@opentelemetry/api'
import { parseJsonCarrier, parseSentryTrace, withValue, type ForeignCarrier } from '@waybill/core/adapter'
import type { Job } from './types.ts'

/**
 * A job's telemetry metadata is one string. Ours, bullmq-otel's and that of BullMQ's Elixir client is a JSON object of
 * text fields; other vendors keep other things in the same place.
 */
const METADATA_KEY = createContextKey('waybill.bullmq.metadata')
const WRITER_KEY = createContextKey('waybill.bullmq.metadata-writer')

/** With a failed attempt: which start of the job it was, and how it was settled (`2:delay`). */
export const ATTEMPT_FIELD = 'attempt'

/** A root context that brings a job's metadata, still unread, from `fromMetadata` to `startSpan`. */
export function contextOfMetadata(metadata: unknown): Context {
  return withValue(ROOT_CONTEXT, METADATA_KEY, metadata)
}

/** The metadata of the job that a process span is asked for; `undefined` if the job has none. */
export function metadataOf(context: Context | undefined): unknown {
  return context?.getValue(METADATA_KEY)
}

/** Whether `metadata` is what this job carries; BullMQ takes anything falsy for none. */
export function carriesMetadata(job: Job, metadata: unknown): boolean {
  return (job.opts?.telemetry?.metadata || undefined) === (metadata || undefined)
}

/**
 * The fields in a job's metadata; `undefined` for anything that is no object of fields. Never throws.
 *
 * @param foreign whose shapes are known here. Default: all
 */
export function carrierOf(
  metadata: unknown,
  foreign?: readonly ForeignCarrier[],
): Readonly<Record<string, unknown>> | undefined {
  const fields = isRecord(metadata) ? metadata : parseJsonCarrier(metadata)
  if (fields === undefined) return sentryFields(metadata)
  // dd-trace nests its fields, a W3C traceparent among them.
  const nested = fields['_datadog']
  return fields['traceparent'] === undefined && isRecord(nested) && foreign?.includes('datadog') !== false
    ? nested
    : fields
}

/** Sentry stores the bare value of its header. Whether it is read is decided where the header is. */
function sentryFields(metadata: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof metadata === 'string' && parseSentryTrace(metadata) !== undefined
    ? { 'sentry-trace': metadata }
    : undefined
}

const W3C = ['traceparent', 'tracestate', 'baggage'] as const

/** AppSignal writes W3C fields among a job's options. `undefined` if there are none. */
export function carrierAmongOptions(options: unknown): Readonly<Record<string, unknown>> | undefined {
  if (!isRecord(options) || typeof options['traceparent'] !== 'string') return undefined
  return Object.fromEntries(W3C.map((name) => [name, options[name]]))
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

type Writer = () => Readonly<Record<string, string>>

/** A context in which BullMQ asks for metadata to store, and gets these fields. */
export function withMetadata(context: Context, fields: Writer): Context {
  return withValue(context, WRITER_KEY, fields)
}

/** The metadata to store with a job; empty, so that nothing is stored, if the context is of no send. */
export function metadataFor(context: Context): string {
  const write = context.getValue(WRITER_KEY) as Writer | undefined
  if (write === undefined) return ''
  const json = JSON.stringify(write())
  // BullMQ would store an empty object on every job.
  return json === '{}' ? '' : json
}
