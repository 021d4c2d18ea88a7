import { context as contextApi, type Context } from '@opentelemetry/api'

/** An item with the context of whoever queued it. */
export interface Packed<T> {
  readonly item: T
  readonly context: Context
}

/**
 * An item together with the active context, for a queue in this process whose worker runs in one context for all.
 *
 * @example
 * tasks.push(pack(order))
 */
export function pack<T>(item: T): Packed<T> {
  return { item, context: contextApi.active() }
}

/**
 * A worker of packed items: each is unpacked and handled in the context in which it was packed.
 *
 * @example
 * const tasks = fastq.promise(unpack(async (order: Order) => bill(order)), 1)
 */
export function unpack<T, A extends unknown[], R>(
  worker: (item: T, ...more: A) => R,
): (packed: Packed<T>, ...more: A) => R {
  return (packed, ...more) => contextApi.with(packed.context, () => worker(packed.item, ...more))
}
