import { brokerNames, requireBrokers, startBrokers, type BrokerName } from '@waybill/brokers'
import type { TestProject } from 'vitest/node'

/** What a test file is told about a broker. */
export type ProvidedBroker =
  | { readonly url: string; readonly version: string; readonly how: string }
  | { readonly missing: string }

declare module 'vitest' {
  export interface ProvidedContext {
    brokers: Record<BrokerName, ProvidedBroker>
  }
}

interface Shared {
  users: number
  readonly running: ReturnType<typeof startBrokers>
}

// Several vitest projects run in one process, each with its own copy of this module: they share one set of brokers.
const SHARED = Symbol.for('waybill.integration-tests.brokers')
const registry = globalThis as { [SHARED]?: Shared | undefined }

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const shared = (registry[SHARED] ??= { users: 0, running: startBrokers([...brokerNames, 'redis-8.6']) })
  shared.users++
  const started = await shared.running
  const { brokers, missing } = started
  const leave = async (): Promise<void> => {
    if (--shared.users > 0) return
    registry[SHARED] = undefined
    await started.stop()
  }
  try {
    // Without an engine for containers there is only what the distribution has, and that is older.
    const native = brokers.redis?.how === 'native'
    requireBrokers(missing.filter(({ name }) => !(native && name === 'redis-8.6')))
  } catch (error) {
    await leave()
    throw error
  }
  project.provide('brokers', {
    ...Object.fromEntries(
      Object.values(brokers).map(({ name, url, version, how }) => [name, { url, version, how }]),
    ),
    ...Object.fromEntries(missing.map(({ name, reason }) => [name, { missing: reason }])),
  } as Record<BrokerName, ProvidedBroker>)
  return leave
}
