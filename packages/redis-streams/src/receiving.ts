import { recordReceive, type Telemetry } from '@waybill/core/adapter'
import { describeEntry } from './delivery.ts'
import type { RawEntry } from './replies.ts'
import type { Stream } from './streams.ts'

/** Hears of a read that gave entries; `since` is the `performance.now()` at which it began. */
export type Receive = (stream: Stream, entries: readonly RawEntry[], since: number) => void

/** Records reads as spans that link what they gave. */
export function createReceiving(telemetry: Telemetry): Receive {
  return (stream, entries, since) => {
    const { destination, group, consumer } = stream.source
    const messages = entries.flatMap(({ id, fields }) =>
      fields === null ? [] : [describeEntry(telemetry, stream.source, id, fields, {})],
    )
    if (messages.length === 0) return
    recordReceive(
      telemetry,
      { operation: 'xreadgroup', destination, group, clientId: consumer, messages },
      since,
    )
  }
}
