// One sample of a path in a process of its own: node path-sample.ts '<job as JSON>' prints its figure.
import type { PathJob } from './path.ts'
import { startSdk } from './sdk.ts'

const job = JSON.parse(process.argv[2] ?? '') as PathJob
const sdk = startSdk('traced')
console.log(JSON.stringify({ figure: await measure() }))
// Clients leave timers and sockets behind that would keep this process for seconds.
process.exit()

async function measure(): Promise<number> {
  switch (job.path) {
    case 'kafka-send':
    case 'kafka-batch':
      return (await import('./paths/kafka.ts')).measureKafka(job)
    case 'rabbitmq-depth':
      return (await import('./paths/rabbitmq.ts')).measureRabbitmq(job)
    case 'heap':
      return (await import('./paths/heap.ts')).measureHeap(job, sdk)
  }
}
