import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import type * as promiseApi from 'amqplib'
import type * as callbackApi from 'amqplib/callback_api'

const require = createRequire(import.meta.url)

/** The releases of amqplib that are tested: the newest, and those around a change of behaviour. */
export const amqplibs = {
  '2.3.1': 'amqplib',
  '2.2.0': 'amqplib-2.2.0',
  '1.0.7': 'amqplib-1',
  '0.10.9': 'amqplib-0.10',
} as const

/** Both APIs of one release. Their types are those of the newest, of which the tests use what all have. */
export function amqplib(packageName: string): {
  readonly promises: typeof promiseApi
  readonly callbacks: typeof callbackApi
} {
  return {
    promises: require(packageName) as typeof promiseApi,
    callbacks: require(`${packageName}/callback_api`) as typeof callbackApi,
  }
}

export function versionOf(packageName: string): string {
  // Newer releases export no package.json.
  const file = path.join(path.dirname(require.resolve(packageName)), 'package.json')
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}
