// How right pairing by id and by time is, on real BullMQ: `pnpm --filter @waybill/integration-tests-doctor accuracy`
import { randomUUID } from 'node:crypto'
import { startBrokers } from '@waybill/brokers'
import { registerGlobals, startServices } from './fixtures/services.ts'
import { accuracy, byIdentity, byNearest, byRank, JOBS, loads, rawSpans, runLoad } from './pairing.ts'

const started = await startBrokers(['redis'])
try {
  const url = started.brokers.redis?.url
  if (url === undefined) throw new Error('this needs Redis')
  registerGlobals()
  console.log(
    `${JOBS} orphaned jobs each; BullMQ on Redis ${started.brokers.redis?.version}, Node.js ${process.version}`,
  )
  console.log('| load | message id | FIFO rank | FIFO, 50 % orphaned | nearest preceding send |')
  console.log('|---|---|---|---|---|')
  for (const load of loads) {
    const services = startServices(['app'])
    await runLoad(load, services.tracer('app'), url, `doctor-accuracy-${randomUUID()}`)
    const spans = rawSpans(services.spans())
    const pairs = [byIdentity(spans), byRank(spans), byRank(spans, (n) => n % 2 === 0), byNearest(spans)]
    const cells = pairs.map((one) => `${(accuracy(one) * 100).toFixed(1)} %`)
    console.log(`| ${load.name} | ${cells.join(' | ')} |`)
  }
} finally {
  await started.stop()
}
