import { setTimeout as sleep } from 'node:timers/promises'

export interface ReadyOptions {
  readonly timeoutMs: number
  /** Throws when waiting longer makes no sense, e.g. because the process is gone. */
  readonly alive?: () => void | Promise<void>
}

/** Greets until the broker answers; resolves with its version. */
export async function untilReady(greet: () => Promise<string>, options: ReadyOptions): Promise<string> {
  const deadline = Date.now() + options.timeoutMs
  for (;;) {
    await options.alive?.()
    try {
      return await greet()
    } catch (error) {
      if (Date.now() > deadline) {
        throw new Error(`not ready after ${options.timeoutMs / 1000} s: ${(error as Error).message}`, {
          cause: error,
        })
      }
    }
    await sleep(50)
  }
}
