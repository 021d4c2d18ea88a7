import { WaybillTypeError } from '../options.ts'
import { inject, type CarriedOptions } from './carried.ts'

/**
 * A copy of `data` with the active context in it, for the `workerData` of a worker thread or a message to one. The worker
 * reads it with `runWithCarrier(workerData, fn)`.
 *
 * @throws WaybillTypeError if `data` is no plain object, or on a bad option
 * @example
 * new Worker(file, { workerData: toWorkerData({ job: 7 }) })
 */
export function toWorkerData<T extends object>(
  data: T,
  options?: CarriedOptions,
): T & Partial<Record<string, string>> {
  const prototype: unknown = typeof data === 'object' && data !== null && Object.getPrototypeOf(data)
  if (prototype !== Object.prototype && prototype !== null) {
    throw new WaybillTypeError(
      { packageName: '@waybill/core', functionName: 'toWorkerData' },
      'a plain object',
      data,
      'Put the value into one: { value }.',
    )
  }
  return { ...data, ...inject(options) } as T & Partial<Record<string, string>>
}
