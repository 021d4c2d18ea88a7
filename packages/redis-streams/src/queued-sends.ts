import type { Sending, SendResult } from '@waybill/core/adapter'

/** A send that waits for its pipeline to be executed. */
export interface QueuedSend {
  readonly sending: Sending
  /** Position of its command in the pipeline, where the client shows it. */
  readonly position?: number
  /** Whether its own reply has been seen. */
  answered: boolean
}

/** The sends of one pipeline that wait for `exec()`. It must not refer to the pipeline: see `whenForgotten`. */
export interface QueuedSends {
  add(send: QueuedSend): void
  /** All of them, which then wait no longer. */
  take(): QueuedSend[]
  /** Ends all of them alike. */
  end(result: SendResult): void
}

const NEVER_EXECUTED: SendResult = { errorType: 'never_executed', sent: false }
const forgotten = new FinalizationRegistry<QueuedSends>((sends) => {
  sends.end(NEVER_EXECUTED)
})

/** @param pipeline that of the sends; if it is dropped without `exec()`, their spans still end */
export function createQueuedSends(pipeline: object): QueuedSends {
  let waiting: QueuedSend[] = []
  const sends: QueuedSends = {
    add: (send) => void waiting.push(send),
    take() {
      const taken = waiting
      waiting = []
      return taken
    },
    end(result) {
      for (const { sending } of sends.take()) sending.end(result)
    },
  }
  forgotten.register(pipeline, sends)
  return sends
}
