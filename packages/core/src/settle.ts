/**
 * Calls `run` and reports exactly once how it settled: on return, throw, resolve or reject. The result, or the very same
 * thrown value, reaches the caller. A rejection is passed on through the returned promise rather than observed beside it,
 * so that an `unhandledRejection` of the bare client stays one.
 */
export function settle<T>(run: () => T, done: (failure: Failure | undefined, value?: Awaited<T>) => void): T {
  let result: T
  try {
    result = run()
  } catch (error) {
    done({ error })
    throw error
  }
  if (!isThenable(result)) {
    done(undefined, result as Awaited<T>)
    return result
  }
  return result.then(
    (value) => {
      done(undefined, value as Awaited<T>)
      return value
    },
    (error: unknown) => {
      done({ error })
      throw error
    },
  ) as T
}

/** A thrown value in a box, since anything can be thrown, `undefined` too. */
export interface Failure {
  readonly error: unknown
}

/** Whether a value is a promise or behaves like one. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
  )
}
