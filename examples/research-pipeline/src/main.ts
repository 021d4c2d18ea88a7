// `npm run demo`: a question goes through five agents and four queues, without Waybill and with it.
import os from 'node:os'
import { startBrokers, type StartedBrokers } from '@waybill/brokers'
import { showDemo } from './demo/demo.ts'
import { listenForInterruption } from './demo/interruption.ts'

// kafkajs asks for a negative time-out now and then, of which newer Node.js warns.
process.removeAllListeners('warning')

const interruption = listenForInterruption()
const since = performance.now()
let started: StartedBrokers | undefined
try {
  started = await startBrokers()
  const faults =
    started.missing.length > 0
      ? started.missing.map(
          ({ name }) => `${name} is missing, and the demo needs all of its brokers; see above`,
        )
      : await showDemo(started, interruption.signal)
  for (const fault of faults) console.error(`✖ ${fault}`)
  process.exitCode = faults.length > 0 ? 1 : 0
} catch (error) {
  console.error(`✖ ${(error as Error).message}`)
  process.exitCode = 1
} finally {
  await started?.stop()
}
if (interruption.cause !== undefined) process.exitCode = 128 + os.constants.signals[interruption.cause]
else
  console.log(
    `\nTook ${((performance.now() - since) / 1000).toFixed(1)} s; all that was started has been stopped.`,
  )
// A client that still tries to reach a broker which is gone must not hold us.
setTimeout(() => process.exit(), 1_000).unref()
