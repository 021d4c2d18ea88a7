// One sample in a process of its own: node sample.ts '<job as JSON>' prints the sample as one line of JSON.
import { byHand } from './by-hand.ts'
import { faultsOf } from './check.ts'
import { cpuOf } from './cpu.ts'
import { openFloor } from './floor.ts'
import type { BenchedBroker, Job, Sample } from './job.ts'
import { startSdk } from './sdk.ts'
import type { OpenWorkload, Workload } from './workload.ts'

// Loaded late: an instrumentation has to be in place before its client.
const workloads: Record<BenchedBroker, () => Promise<{ open: OpenWorkload }>> = {
  bullmq: () => import('./workloads/bullmq.ts'),
  rabbitmq: () => import('./workloads/rabbitmq.ts'),
  kafka: () => import('./workloads/kafka.ts'),
  'redis-streams': () => import('./workloads/redis-streams.ts'),
}

const job = JSON.parse(process.argv[2] ?? '') as Job
const sdk = startSdk(job.mode)
const workload = await openWorkload()
try {
  await workload.run(job.warmUp)
  await workload.runEmpty?.(job.warmUp)
  await sdk.flush()
  const empty = workload.runEmpty === undefined ? 0 : await cpuOf(() => workload.runEmpty!(job.messages))
  const whole = await cpuOf(async () => {
    await workload.run(job.messages)
    await sdk.flush()
  })
  const shape = await sdk.collect()
  const faults = faultsOf(job, workload.messagesPerSpan, shape)
  if (faults.length > 0) throw new Error(`${faults.join('; ')}. Other spans: ${shape.otherSpans}`)
  const sample: Sample = { cpuUs: (whole - empty) / job.messages, ...(job.mode === 'traced' && { shape }) }
  console.log(JSON.stringify(sample))
} finally {
  await workload.close()
}
// Clients leave timers and sockets behind that would keep this process for seconds.
process.exit()

async function openWorkload(): Promise<Workload> {
  const { broker, variant, url, shape } = job
  if (shape === undefined && (variant === 'floor' || variant === 'by hand'))
    throw new Error(`${variant} needs the shape of what ours emits`)
  if (variant === 'floor') return openFloor(shape!)
  return (await workloads[broker]()).open(url, variant, variant === 'by hand' ? byHand(shape!) : undefined)
}
