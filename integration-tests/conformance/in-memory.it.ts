// A fifth adapter, over a queue in this process: what a new broker costs. A description, a carrier and one call a side.
import { setTimeout as delay } from 'node:timers/promises'
import type { TelemetryOptions } from '@waybill/core'
import { createTelemetry, process, recordGetter, send, stampRecord } from '@waybill/core/adapter'
import type { Session, TestMessage } from './subject.ts'
import { conformance } from './suite.ts'

interface Stored extends TestMessage {
  readonly arrived: number
  deliveries: number
}

function open(options: TelemetryOptions): Promise<Session> {
  const scope = { packageName: 'in-memory', version: '0', functionName: 'open', system: 'memory' }
  const telemetry = createTelemetry(scope, options)
  const destination = { name: 'queue' }
  const waiting: Stored[] = []
  let last: Stored | undefined
  let deliver: (() => void) | undefined
  const put = ({ body, headers = {} }: TestMessage): Promise<void> => {
    waiting.push({ body, headers, arrived: Date.now(), deliveries: 0 })
    deliver?.()
    return Promise.resolve()
  }
  return Promise.resolve({
    destination: 'queue',
    source: 'queue',
    send: (message) =>
      send(telemetry, { operation: 'put', destination }, (sending) =>
        put(sending === undefined ? message : { ...message, headers: stampRecord(message.headers, sending.stamp(message.headers, recordGetter)) }),
      ),
    sendBare: put,
    consume: (handler) => {
      deliver = () => void (async () => {
        const message = waiting.shift()
        if (message === undefined) return
        last = message
        message.deliveries++
        await delay(0)
        const first = message.deliveries === 1
        const incoming = {
          operation: 'take', destination, carrier: message.headers, getter: recordGetter, attempt: message.deliveries,
          times: [{ at: message.arrived, clock: 'broker' as const }], ...(first ? {} : { unknown: 'redelivered' as const }),
        }
        await Promise.resolve(process(telemetry, incoming, async () => handler(message.body))).catch(() => { waiting.push(message); deliver?.() })
      })()
      for (const _ of [...waiting]) deliver()
      return Promise.resolve()
    },
    arrivedAt: () => Promise.resolve(last?.arrived),
    brokerNow: () => Promise.resolve(Date.now()),
    close: () => Promise.resolve(),
  })
}

conformance({
  name: 'in-memory', systemName: 'memory', operations: { send: 'put', process: 'take' },
  accepts: () => true, applicationHeaders: true, redelivers: true, open: (_url, options) => open(options),
})
