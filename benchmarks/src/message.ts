import { randomUUID } from 'node:crypto'
import type { TelemetryOptions } from '@waybill/core'

/** 100 bytes, as every message of every workload has. */
export const BODY: Buffer = Buffer.alloc(100, 'x')

/** Ours at its dearest: a transit span for every message, also for one that waited less than a millisecond. */
export const OPTIONS: TelemetryOptions = { transitSpan: { minMs: 0 } }

/** A name that nobody else uses, since brokers may be shared. */
export function uniqueName(prefix: string): string {
  return `${prefix}-${randomUUID()}`
}
