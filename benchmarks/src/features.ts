// What each feature costs, without any client and without the noise of one:
//   node --expose-gc --conditions=waybill-source benchmarks/src/features.ts [slices]
// All variants run in one process, in slices that take turns, so that they share its compiled code and its weather.
import { context, createNoopMeter, propagation, ROOT_CONTEXT } from '@opentelemetry/api'
import type { TelemetryOptions } from '@waybill/core'
import {
  createTelemetry,
  process as handle,
  recordGetter,
  send,
  stampRecord,
  type Incoming,
  type Outgoing,
} from '@waybill/core/adapter'
import { cpuOf } from './cpu.ts'
import { OPTIONS } from './message.ts'
import { startSdk, type Sdk } from './sdk.ts'
import { shuffled, spreadOf } from './statistics.ts'

const WARM_UP = 20_000
const SLICE = 4_000

interface Feature {
  readonly name: string
  readonly options?: TelemetryOptions
  readonly outgoing?: Partial<Outgoing>
  /** Number of members of the baggage that is carried. */
  readonly baggage?: number
}

const ALL: Feature = { name: 'all defaults, with a transit span for each message' }
const noMetrics = { getMeter: () => createNoopMeter() }
const features: readonly Feature[] = [
  { name: 'without the transit span', options: { transitSpan: { enabled: false } } },
  { name: 'without metrics', options: { meterProvider: noMetrics } },
  { name: 'without compat', options: { compat: false } },
  { name: 'with aliases', options: { aliases: true } },
  { name: "with relation: 'link'", options: { relation: 'link' } },
  { name: 'with a create span for each message', outgoing: { createSpans: true } },
  { name: 'with one member of baggage', baggage: 1 },
  { name: 'with ten members of baggage', baggage: 10 },
  { name: 'with ten members, two of them allowed', baggage: 10, options: { sendBaggage: ['k0', 'k1'] } },
]

const slices = Number(process.argv[2] ?? 40)
const sdk = startSdk('traced')
const variants = [ALL, ...features].map((feature) => ({
  feature,
  run: runner(feature, sdk),
  figures: [] as number[],
}))
for (const { run } of variants) await run(WARM_UP)
for (let slice = 0; slice < slices; slice++) {
  for (const { run, figures } of shuffled(variants)) figures.push((await cpuOf(() => run(SLICE))) / SLICE)
}
const [all, ...others] = variants
const base = spreadOf(all!.figures).median
console.log(
  `Node.js ${process.version}; CPU µs a message, traced, medians of ${slices} slices of ${SLICE} messages`,
)
console.log(`${ALL.name.padEnd(52)} ${base.toFixed(2)}`)
for (const { feature, figures } of others) {
  // Each slice is compared with that of the same turn, so that slow changes of the machine cancel out.
  const { median } = spreadOf(figures.map((figure, turn) => figure - all!.figures[turn]!))
  console.log(`${feature.name.padEnd(52)} ${median < 0 ? '' : '+'}${median.toFixed(2)}`)
}

function runner(
  { options, outgoing, baggage = 0 }: Feature,
  { flush }: Sdk,
): (messages: number) => Promise<void> {
  const scope = { packageName: '@waybill/bench', functionName: 'bench', version: '0.0.0', system: 'memory' }
  const telemetry = createTelemetry(scope, { ...OPTIONS, ...options })
  const destination = { name: 'jobs' }
  const members = Object.fromEntries(
    Array.from({ length: baggage }, (_, i) => [`k${i}`, { value: `value-${i}` }]),
  )
  const caller =
    baggage === 0 ? ROOT_CONTEXT : propagation.setBaggage(ROOT_CONTEXT, propagation.createBaggage(members))
  const work = async (): Promise<void> => {}
  const move = async (messageId: string): Promise<void> => {
    let headers = {}
    await send(telemetry, { operation: 'publish', destination, messageId, ...outgoing }, (sending) => {
      headers = stampRecord({}, sending!.stamp())
      return work()
    })
    const described = { operation: 'process', destination, messageId, carrier: headers, attempt: 1 }
    await handle(
      telemetry,
      { ...described, getter: recordGetter as Incoming['getter'], times: ['sent'] },
      work,
    )
  }
  return async (messages) => {
    await context.with(caller, async () => {
      for (let i = 0; i < messages; i++) await move('m')
    })
    await flush()
  }
}
