// `npm run demo`: a question goes through agents and queues, without Waybill and with it.
import os from 'node:os'
import { showDemo } from './demo/demo.ts'
import { startDemoBrokers, type DemoBrokers } from './demo/demo-brokers.ts'
import { listenForInterruption } from './demo/interruption.ts'

// kafkajs asks for a negative time-out now and then, of which newer Node.js warns.
process.removeAllListeners('warning')

const interruption = listenForInterruption()
const since = performance.now()
let brokers: DemoBrokers | undefined
try {
  brokers = await startDemoBrokers()
  const faults = await showDemo(brokers, interruption.signal)
  for (const fault of faults) console.error(`✖ ${fault}`)
  process.exitCode = faults.length > 0 ? 1 : 0
} catch (error) {
  console.error(`✖ ${(error as Error).message}`)
  process.exitCode = 1
} finally {
  await brokers?.stop()
}
if (interruption.cause !== undefined) process.exitCode = 128 + os.constants.signals[interruption.cause]
else
  console.log(
    `\nTook ${((performance.now() - since) / 1000).toFixed(1)} s; all that was started has been stopped.`,
  )
// A client that still tries to reach a broker which is gone must not hold us.
setTimeout(() => process.exit(), 1_000).unref()
