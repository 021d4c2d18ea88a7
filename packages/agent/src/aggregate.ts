import type { Packed } from '@waybill/core'
import {
  ATTR_LINKS_OMITTED,
  callerLinks,
  isNumber,
  isText,
  WaybillTypeError,
  type Check,
} from '@waybill/core/adapter'
import { PACKAGE, checkCall, type Resolved } from './settings.ts'
import { inSpan } from './spans.ts'

/** Options of `aggregate`. */
export interface AggregateOptions {
  /** Name of the span. Default `aggregate`. */
  readonly name?: string | undefined
  /** Most links; the SDK silently drops more than its own limit. Default 128. */
  readonly maxLinks?: number | undefined
}

const CHECKS: Record<keyof AggregateOptions, Check> = { name: isText, maxLinks: isNumber(0, 10_000) }

/** `aggregate` under these settings. */
export function runAggregation<T, R>(
  resolved: Resolved,
  items: readonly Packed<T>[],
  fn: (items: T[]) => R,
  options: AggregateOptions = {},
): R {
  checkCall('aggregate', options, CHECKS)
  const plain = items.map((each) => {
    if (typeof each === 'object' && each !== null && 'context' in each) return each.item
    throw new WaybillTypeError(
      { packageName: PACKAGE, functionName: 'aggregate' },
      'items that pack() of @waybill/core gave',
      each,
      'Call pack(item) where the item comes in; of one from a store, { item, context: extract(carrier) }.',
    )
  })
  const { name = 'aggregate', maxLinks = 128 } = options
  const { links, omitted } = callerLinks(
    items.map(({ context }) => context),
    maxLinks,
  )
  return inSpan(
    resolved,
    {
      name,
      links,
      attributes: {},
      details: () => ({
        [resolved.keys.items]: items.length,
        ...(omitted > 0 && { [ATTR_LINKS_OMITTED]: omitted }),
      }),
    },
    () => fn(plain),
  )
}
