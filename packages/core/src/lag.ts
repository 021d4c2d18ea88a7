import type { Meter, ObservableCallback } from '@opentelemetry/api'
import { metricAttributes } from './attributes.ts'
import type { Destination } from './destination.ts'
import { safely } from './diag.ts'
import { createLagInstrument } from './metrics.ts'
import { ATTR_PARTITION_ID } from './semconv.ts'
import type { Telemetry } from './telemetry.ts'

/** How many messages a consumer has still before it in one place. */
export interface Lag {
  readonly destination: Destination
  readonly group?: string | undefined
  /** Where a destination has several queues of its own: a lag is one of each. */
  readonly partition?: string | undefined
  readonly messages: number
}

/** The gauge `waybill.consumer.lag` of one consumer. Its methods never throw. */
export interface LagGauge {
  /** Has the SDK of the moment ask for the lags from now on; to be called whenever messages come, since it may start late. */
  watch(): void
  /** Has it ask no more: the consumer is gone. */
  stop(): void
}

/**
 * A gauge that asks `read` whenever metrics are collected, never by a timer of its own. It tells only of places that are
 * there; today's JS SDK all the same repeats the last value of those that were, unless its temporality is delta.
 *
 * @param read the lags as they are known now; may ask the broker. What it throws becomes one warning
 */
export function createLagGauge(
  telemetry: Telemetry,
  read: () => Iterable<Lag> | PromiseLike<Iterable<Lag>>,
): LagGauge {
  const { log } = telemetry
  let watched: { readonly meter: Meter; readonly stop: () => void } | undefined

  const report: ObservableCallback = async (gauge) => {
    try {
      for (const lag of await read()) {
        const attributes = metricAttributes(telemetry, 'process', lag.destination, lag.group)
        if (lag.partition !== undefined) attributes[ATTR_PARTITION_ID] = lag.partition
        gauge.observe(lag.messages, attributes)
      }
    } catch (error) {
      safely(log, 'reading the lag', undefined, () => {
        throw error
      })
    }
  }
  return {
    watch() {
      const meter = telemetry.signals()?.meter
      if (meter === undefined || meter === watched?.meter) return
      watched?.stop()
      watched = safely(log, 'creating the lag gauge', undefined, () => {
        const gauge = createLagInstrument(meter)
        gauge.addCallback(report)
        return {
          meter,
          stop: () => {
            safely(log, 'removing the lag gauge', undefined, () => {
              gauge.removeCallback(report)
            })
          },
        }
      })
    },
    stop() {
      watched?.stop()
      watched = undefined
    },
  }
}
