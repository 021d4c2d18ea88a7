import type { Scope } from '@waybill/core/adapter'
import { VERSION } from './version.ts'

/** Who speaks: the instrumentation scope, and the function named in error messages. */
export function scopeOf(functionName: string): Scope {
  return { packageName: '@waybill/redis-streams', functionName, version: VERSION, system: 'redis' }
}
