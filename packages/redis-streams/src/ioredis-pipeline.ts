import { beginSend, patchMethod } from '@waybill/core/adapter'
import { connectionOf } from './client.ts'
import type { Xadd } from './ioredis-producer.ts'
import { resultOf, type Producing } from './producing.ts'
import { createQueuedSends, type QueuedSend, type QueuedSends } from './queued-sends.ts'
import { parseXadd } from './xadd-arguments.ts'

/** The slice of an ioredis pipeline that is needed; a transaction has its MULTI as first command. */
export interface IoredisPipeline {
  readonly length: number
  xadd: Xadd
  xaddBuffer?: Xadd
  exec: Xadd
  discard?: Xadd
}

export function traceIoredisPipeline(pipeline: IoredisPipeline, producing: Producing): void {
  const sends = createQueuedSends(pipeline)
  const adding = (original: Xadd): Xadd => tracedXadd(pipeline, producing, sends, original)
  if (!patchMethod(pipeline, 'xadd', adding)) return
  if (typeof pipeline.xaddBuffer === 'function')
    patchMethod(pipeline as { xaddBuffer: Xadd }, 'xaddBuffer', adding)
  patchMethod(pipeline, 'exec', (original) => tracedExec(pipeline, sends, original))
  if (typeof pipeline.discard === 'function') {
    patchMethod(pipeline as { discard: Xadd }, 'discard', (original) => (...args) => {
      sends.end({ errorType: 'discarded', sent: false })
      return original(...args)
    })
  }
}

function tracedXadd(
  pipeline: IoredisPipeline,
  producing: Producing,
  sends: QueuedSends,
  original: Xadd,
): Xadd {
  const { keyPrefix, ...server } = connectionOf(pipeline)
  return (...args) => {
    const call = parseXadd(args)
    const sending = call && beginSend(producing.telemetry, producing.outgoing(keyPrefix + call.key, server))
    if (call === undefined || sending === undefined) return original(...args)
    const position = pipeline.length
    const fields = producing.stamped(sending, call.fields, call.contentIsIdentity)
    try {
      const chain = original(...call.head, ...fields, ...call.tail)
      sends.add({ sending, position, answered: false })
      return chain
    } catch (error) {
      sending.end({ failure: { error }, sent: false })
      throw error
    }
  }
}

function tracedExec(pipeline: IoredisPipeline, sends: QueuedSends, original: Xadd): Xadd {
  return (...args) => {
    const waiting = sends.take()
    // Nothing of ours, or the client itself: in a cluster it executes again after a redirection.
    if (waiting.length === 0) return original(...args)
    const fail = (error: unknown): void => {
      for (const { sending } of waiting) sending.end({ failure: { error }, sent: false })
    }
    const done = (rows: unknown): void => {
      endByRows(waiting, rows, pipeline.length)
    }
    let answer: unknown
    try {
      answer = original(...args)
    } catch (error) {
      fail(error)
      throw error
    }
    if (!(answer instanceof Promise)) {
      // The EXEC of a transaction within a pipeline, which is still to be executed.
      for (const send of waiting) sends.add(send)
      return answer
    }
    // With a callback nobody looks at the promise; without one a rejection has to go on through what is returned.
    if (typeof args.at(-1) === 'function') {
      void answer.then(done, fail)
      return answer
    }
    return answer.then(
      (rows: unknown) => {
        done(rows)
        return rows
      },
      (error: unknown) => {
        fail(error)
        throw error
      },
    )
  }
}

/**
 * Rows are `[null, reply]` or `[error]`, one for each command, but none for a transaction's MULTI and EXEC; instead of them
 * comes `null` if a watched key was touched.
 */
function endByRows(waiting: readonly QueuedSend[], rows: unknown, commands: number): void {
  if (!Array.isArray(rows)) {
    for (const { sending } of waiting) sending.end({ errorType: 'watch_failed', sent: false })
    return
  }
  const ahead = rows.length < commands ? 1 : 0
  for (const { sending, position } of waiting) {
    const [error, reply] = (rows[(position ?? 0) - ahead] ?? []) as [unknown?, unknown?]
    sending.end(error instanceof Error ? { failure: { error } } : resultOf(reply))
  }
}
