import { createContextKey, ROOT_CONTEXT, type Context } from '@opentelemetry/api'
import { parseJsonCarrier, type Sending } from '@waybill/core/adapter'
import type { Job } from './types.ts'

/**
 * A job's telemetry metadata is one string. Ours, bullmq-otel's and that of BullMQ's Elixir client is a JSON object of
 * text fields; other vendors keep other things in the same place.
 */
const METADATA_KEY = createContextKey('waybill.bullmq.metadata')
const SENDING_KEY = createContextKey('waybill.bullmq.sending')

/** A root context that brings a job's metadata, still unread, from `fromMetadata` to `startSpan`. */
export function contextOfMetadata(metadata: unknown): Context {
  return ROOT_CONTEXT.setValue(METADATA_KEY, metadata)
}

/** The metadata of the job that a process span is asked for; `undefined` if the job has none. */
export function metadataOf(context: Context | undefined): unknown {
  return context?.getValue(METADATA_KEY)
}

/** Whether `metadata` is what this job carries; BullMQ takes anything falsy for none. */
export function carriesMetadata(job: Job, metadata: unknown): boolean {
  return (job.opts?.telemetry?.metadata || undefined) === (metadata || undefined)
}

/** The fields in a job's metadata; `undefined` for anything that is no object of fields. Never throws. */
export function carrierOf(metadata: unknown): Readonly<Record<string, unknown>> | undefined {
  const fields = isRecord(metadata) ? metadata : parseJsonCarrier(metadata)
  // dd-trace nests its fields, a W3C traceparent among them.
  const nested = fields?.['_datadog']
  return fields?.['traceparent'] === undefined && isRecord(nested) ? nested : fields
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A context in which BullMQ will ask for the metadata of what is being sent. */
export function withSending(sending: Sending): Context {
  return sending.context.setValue(SENDING_KEY, sending)
}

/** The metadata to store with a job; empty, so that nothing is stored, if the context belongs to no send. */
export function metadataFor(context: Context): string {
  const sending = context.getValue(SENDING_KEY) as Sending | undefined
  return sending === undefined ? '' : JSON.stringify(sending.stamp().fields)
}
