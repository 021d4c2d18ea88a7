import { diag, type DiagLogger } from '@opentelemetry/api'

const said = new Set<string>()

/** The logger of one package; its lines go to whatever `diag.setLogger()` the application chose, or nowhere. */
export function logger(packageName: string): DiagLogger {
  return diag.createComponentLogger({ namespace: packageName })
}

/** Warns once per process for each `cause`, so that a fault on a hot path cannot flood a log. */
export function warnOnce(log: DiagLogger, cause: string, message: string, ...details: unknown[]): void {
  if (said.has(cause)) return
  said.add(cause)
  log.warn(message, ...details)
}

/**
 * Runs telemetry code that must never reach the caller: what it throws becomes one warning per `cause`, and `fallback`
 * is returned instead (conventions, ground rule 1).
 */
export function safely<T>(log: DiagLogger, cause: string, fallback: T, run: () => T): T {
  try {
    return run()
  } catch (error) {
    reportFault(log, cause, error)
    return fallback
  }
}

/** What `safely` does about a fault, for paths that are too hot to make a function for each message. Never throws. */
export function reportFault(log: DiagLogger, cause: string, error: unknown): void {
  try {
    warnOnce(log, cause, `${cause} failed; the message goes on without it`, error)
  } catch {
    // The application's own diag logger threw: there is nobody left to tell.
  }
}

/** Forgets what was warned about. For tests. */
export function resetWarnings(): void {
  said.clear()
}
