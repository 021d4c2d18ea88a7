import type { BullmqSpan } from './types.ts'

/**
 * Stands for everything that BullMQ reports and that is no message: stalled checks, lock renewal, settling, pausing. One
 * shared object that leaves the context as it is, since some of it runs every few seconds for the life of a worker.
 */
export const UNTRACED: BullmqSpan = Object.freeze<BullmqSpan>({
  setSpanOnContext: (context) => context,
  setAttribute: () => undefined,
  setAttributes: () => undefined,
  addEvent: () => undefined,
  recordException: () => undefined,
  end: () => undefined,
})
