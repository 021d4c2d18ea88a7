import { createLagGauge, type Lag, type LagGauge } from '@waybill/core/adapter'
import type { Reader } from './commands.ts'
import { readProperty } from './replies.ts'
import type { Membership } from './streams.ts'
import { textOf } from './text.ts'

/** The lag of the group in each stream, as the server counts it; asked for when metrics are collected. */
export function createStreamLag<V>(membership: Membership<V>): LagGauge {
  const { telemetry, port, events } = membership
  // ioredis 5 puts no prefix before the key of XINFO, ioredis 6 does: asked on a connection that has none.
  let connection: Promise<Reader> | undefined
  const gauge = createLagGauge(telemetry, async () => {
    connection ??= port.openReader((error) => {
      events.emit('error', { during: 'connection', error })
    })
    const reader = await connection
    const lags = await Promise.all(membership.streams.map((stream) => lagOf(membership, reader, stream)))
    return lags.filter((lag) => lag !== undefined)
  })
  return {
    watch: () => {
      gauge.watch()
    },
    stop() {
      gauge.stop()
      void connection?.then(
        (reader) => {
          reader.close()
        },
        () => undefined,
      )
    },
  }
}

async function lagOf<V>(
  { group }: Membership<V>,
  reader: Reader,
  { key, source }: Membership<V>['streams'][number],
): Promise<Lag | undefined> {
  const groups = await reader.send(key, ['XINFO', 'GROUPS', key])
  const row = (Array.isArray(groups) ? groups : []).find(
    (candidate) => textOf(readProperty(candidate, 'name')) === group,
  )
  // Null where the server cannot tell: entries were deleted in between.
  const lag = readProperty(row, 'lag')
  return typeof lag === 'number' ? { destination: source.destination, group, messages: lag } : undefined
}
