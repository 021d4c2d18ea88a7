// A fifth adapter, over a queue in this process: what a new broker costs. A description, a carrier and one call a side.
import { setImmediate as nextTurn } from 'node:timers/promises'
import {
  createTelemetry,
  process,
  recordGetter,
  send,
  stampRecord,
  type Incoming,
} from '@waybill/core/adapter'
import type { Subject, TestMessage } from './subject.ts'
import { conformance } from './suite.ts'

type Stored = TestMessage & { readonly arrived: number; readonly attempt: number }
const scope = { packageName: 'in-memory', functionName: 'open', version: '0', system: 'memory' }
const destination = { name: 'queue' }
const getter = recordGetter as Incoming['getter']

const open: Subject['open'] = async (_url, options) => {
  const telemetry = createTelemetry(scope, options)
  const parked: Stored[] = []
  let lastArrived: number | undefined
  let deliver = async (message: Stored): Promise<unknown> => parked.push(message)
  const put = async (message: TestMessage): Promise<void> => {
    void deliver({ ...message, arrived: Date.now(), attempt: 1 })
  }
  return {
    destination: 'queue',
    source: 'queue',
    send: ({ body, headers }) =>
      send(telemetry, { operation: 'put', destination }, (sending) => {
        if (sending === undefined) return put({ body, headers: headers ?? {} })
        return put({ body, headers: stampRecord(headers, sending.stamp(headers, recordGetter)) })
      }),
    sendBare: put,
    consume: async (handler) => {
      deliver = async (message) => {
        await nextTurn()
        const { body, headers: carrier, arrived, attempt } = message
        lastArrived = arrived
        const known = { times: [{ at: arrived, clock: 'broker' as const }], attempt }
        const unknown = attempt > 1 ? 'redelivered' : undefined
        const incoming: Incoming = { operation: 'take', destination, carrier, getter, ...known, unknown }
        try {
          return await process(telemetry, incoming, () => handler(body))
        } catch {
          return deliver({ ...message, attempt: attempt + 1 })
        }
      }
      for (const message of parked.splice(0)) void deliver(message)
    },
    arrivedAt: async () => lastArrived,
    brokerNow: async () => Date.now(),
    close: async () => undefined,
  }
}
const declared = { accepts: () => true, applicationHeaders: true, redelivers: true }
const operations = { send: 'put', process: 'take' }
conformance({ name: 'in-memory', systemName: 'memory', operations, ...declared, open })
