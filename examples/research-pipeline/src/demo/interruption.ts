/** Says when the demo was told to end early, by Ctrl-C or otherwise. */
export interface Interruption {
  readonly signal: AbortSignal
  /** Which one it was. */
  readonly cause: NodeJS.Signals | undefined
}

/** Handing on a signal to children and brokers is ours, so the default end of the process is switched off. */
export function listenForInterruption(): Interruption {
  const controller = new AbortController()
  let cause: NodeJS.Signals | undefined
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      cause ??= name
      controller.abort(new Error(`interrupted by ${name}`))
    })
  }
  return {
    signal: controller.signal,
    get cause() {
      return cause
    },
  }
}
