// One life of the agent process. usage: clerk.ts ask|resume <queue> <file for its spans>
import process from 'node:process'
import { withAgentSpan } from '@waybill/agent'
import { bullmqTelemetry } from '@waybill/bullmq'
import { Queue, Worker } from 'bullmq'
import { pay } from './payments.ts'
import { startTelemetry } from './telemetry.ts'

const [life, name = '', file = ''] = process.argv.slice(2)
startTelemetry(file)
const settings = {
  connection: { url: process.env['REDIS_URL'] ?? 'redis://localhost:6379' },
  telemetry: bullmqTelemetry(),
}
const DELAY = 400

if (life === 'ask') {
  const approvals = new Queue(name, settings)
  await withAgentSpan({ name: 'clerk', role: 'specialist' }, async () => {
    const answer = await pay(120, () => 'cancel')
    // Nobody there: the question waits in a queue, not in this process, which may go.
    if (answer !== 'paid') await approvals.add('ask again', { amount: 120 }, { delay: DELAY })
  })
  await approvals.close()
} else {
  const answered = Promise.withResolvers<string | undefined>()
  const worker = new Worker(
    name,
    (job) =>
      withAgentSpan({ name: 'clerk', role: 'specialist' }, async () => {
        answered.resolve(await pay(job.data.amount, () => 'accept'))
      }),
    settings,
  )
  console.log(await answered.promise)
  await worker.close()
}
