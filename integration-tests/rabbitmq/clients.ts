import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import type * as promiseApi from 'amqplib'
import type * as callbackApi from 'amqplib/callback_api'

const require = createRequire(import.meta.url)

/** Both APIs of one release. Their types are those of the newest, of which the tests use what all have. */
export interface Amqplib {
  readonly promises: typeof promiseApi
  readonly callbacks: typeof callbackApi
  readonly version: string
}

/** The releases of amqplib that are tested: the newest, and those around a change of behaviour. */
export const amqplibs: readonly Amqplib[] = [
  release(require.resolve('amqplib')),
  release(require.resolve('amqplib-2.2.0')),
  release(require.resolve('amqplib-1')),
  release(require.resolve('amqplib-0.10')),
]

/** Newer releases export neither their package.json nor their files, so they are read and loaded by path. */
function release(main: string): Amqplib {
  const folder = path.dirname(main)
  const { version } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as {
    version: string
  }
  return {
    promises: require(main) as typeof promiseApi,
    callbacks: require(path.join(folder, 'callback_api.js')) as typeof callbackApi,
    version,
  }
}
