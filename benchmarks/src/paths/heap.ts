import { createTelemetry, process as handle, recordGetter, send, stampRecord } from '@waybill/core/adapter'
import { OPTIONS } from '../message.ts'
import type { PathJob } from '../path.ts'
import type { Sdk } from '../sdk.ts'

const FIRST = 0.1

/**
 * How much more memory is in use after all messages than after the first tenth of them, MB, both after a full collection:
 * whatever is kept for each message shows. Through core alone, 200 destinations in turn, one failure in 1,000.
 */
export async function measureHeap({ messages }: PathJob, sdk: Sdk): Promise<number> {
  const scope = { packageName: '@waybill/bench', functionName: 'bench', version: '0.0.0', system: 'memory' }
  const telemetry = createTelemetry(scope, OPTIONS)
  const destinations = Array.from({ length: 200 }, (_, i) => ({ name: `jobs-${i}` }))
  let sequence = 0
  const run = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      const messageId = String(sequence++)
      const destination = destinations[sequence % destinations.length]!
      const headers = send(telemetry, { operation: 'publish', destination, messageId }, (sending) =>
        stampRecord({}, sending!.stamp()),
      )
      const incoming = { operation: 'process', destination, messageId, carrier: headers, attempt: 1 } as const
      try {
        handle(telemetry, { ...incoming, getter: recordGetter, times: ['sent'] }, () => {
          if (sequence % 1000 === 0) throw new Error('now and then')
        })
      } catch {
        // as a client would
      }
      if (i % 5_000 === 0) await sdk.flush()
    }
    await sdk.flush()
  }
  await run(messages * FIRST)
  const before = usedAfterCollection()
  await run(messages * (1 - FIRST))
  return (usedAfterCollection() - before) / 1024 / 1024
}

function usedAfterCollection(): number {
  for (let i = 0; i < 3; i++) globalThis.gc?.()
  return process.memoryUsage().heapUsed
}
