import { diag, DiagLogLevel } from '@opentelemetry/api'
import { resetWarnings } from '@waybill/core/testing'
import { afterEach, beforeEach } from 'vitest'

/** What `diag` is warned of in each test of the block where this is called; empty again for the next. */
export function warningsOfTest(): readonly string[] {
  const warnings: string[] = []
  beforeEach(() => {
    resetWarnings()
    warnings.length = 0
    const ignore = (): void => undefined
    const warn = (_namespace: string, ...parts: unknown[]): void => void warnings.push(parts.join(' '))
    diag.setLogger({ error: warn, warn, info: ignore, debug: ignore, verbose: ignore }, DiagLogLevel.WARN)
  })
  afterEach(() => {
    diag.disable()
  })
  return warnings
}
