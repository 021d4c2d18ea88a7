// What tracing costs: bare clients, the best peers, ours and the SDK floor. See docs/performance.md.
import { writeFileSync } from 'node:fs'
import os from 'node:os'
import { startBrokers } from '@waybill/brokers'
import { parseArguments, USAGE, type Settings } from './arguments.ts'
import { brokers, type BenchedBroker } from './job.ts'
import {
  pathFacts,
  pathRowOf,
  paths,
  type PathJob,
  type PathName,
  type PathRound,
  type PathRow,
} from './path.ts'
import { runPathSample, runSample } from './run-sample.ts'
import { cellOf, cellsOf, rowsOf, shuffled, type Round, type Row } from './statistics.ts'
import { legendOf, pathTableOf, tableOf } from './table.ts'
import { FLOOR_WARM_UP, workloads } from './workload.ts'

const settings = settingsOrExit()
const servers = new Set(settings.brokers.map((broker) => workloads[broker].server))
const started = await startBrokers([...servers])
const rows: Row[] = []
const pathRows: PathRow[] = []
try {
  console.log(
    `Node.js ${process.version}, ${os.availableParallelism()} cores of ${os.cpus()[0]?.model ?? 'unknown'}\n`,
  )
  for (const broker of settings.brokers) {
    const url = started.brokers[workloads[broker].server]?.url
    if (url === undefined) continue
    const found = await measure(broker, url)
    rows.push(...found)
    console.log(`${tableOf(found)}\n`)
  }
  for (const path of paths) {
    const { broker, server } = pathFacts[path]
    const url = server === undefined ? '' : started.brokers[server]?.url
    const chosen =
      broker === 'core' ? settings.brokers.length === brokers.length : settings.brokers.includes(broker)
    const counts = pathFacts[path][settings.size]
    if (url === undefined || counts === undefined || !chosen) continue
    pathRows.push(await measurePath(path, url, counts))
  }
  if (pathRows.length > 0) console.log(`${pathTableOf(pathRows)}\n`)
} finally {
  await started.stop()
}
if (rows.length > 0) console.log(legendOf(settings.rounds))
// A target that is missed is a result; a run that measured nothing is a failure.
else process.exitCode = 1
for (const { name, reason } of started.missing) {
  const left = settings.brokers.filter((broker) => workloads[broker].server === name)
  console.log(`Not measured: ${left.join(', ')}. ${reason}`)
}
if (settings.json !== undefined)
  writeFileSync(settings.json, `${JSON.stringify([...rows, ...pathRows], undefined, 2)}\n`)

async function measure(broker: BenchedBroker, url: string): Promise<Row[]> {
  const { peer, [settings.size]: counts } = workloads[broker]
  // Not counted: it wakes the broker up, and says what the floor has to emit.
  const probe = { broker, variant: 'ours', mode: 'traced', url, warmUp: 100, messages: 100 } as const
  const { shape } = await runSample(probe)
  if (shape === undefined) throw new Error(`Ours emitted nothing for ${broker}`)
  const cells = cellsOf({ hasPeer: peer !== undefined, byHand: settings.byHand })
  const rounds: Round[] = []
  for (let round = 1; round <= settings.rounds; round++) {
    const found = new Map<string, number>()
    for (const { variant, mode } of shuffled(cells)) {
      progress(`${broker}: round ${round} of ${settings.rounds}, sample ${found.size + 1} of ${cells.length}`)
      const warmUp = variant === 'floor' ? FLOOR_WARM_UP : counts.warmUp
      const { cpuUs } = await runSample({ broker, variant, mode, url, ...counts, warmUp, shape })
      found.set(cellOf(variant, mode), cpuUs)
    }
    rounds.push(found)
  }
  progress('')
  return rowsOf(broker, counts.messages, rounds)
}

/** Reference and ours in turn, in random order; where nothing is compared once is enough. */
async function measurePath(
  path: PathName,
  url: string,
  counts: Pick<PathJob, 'warmUp' | 'messages'>,
): Promise<PathRow> {
  const { reference, ours } = pathFacts[path]
  const rounds: PathRound[] = []
  const job: PathJob = { path, variant: 'ours', url, ...counts }
  for (let round = 1; round <= (reference === undefined ? 1 : settings.rounds); round++) {
    progress(`${path}: round ${round}`)
    const found = new Map<object, number>()
    for (const variant of shuffled([ours, ...(reference === undefined ? [] : [reference])]))
      found.set(variant, await runPathSample({ ...job, ...variant }))
    rounds.push({ ours: found.get(ours)!, reference: (reference && found.get(reference)) ?? 0 })
  }
  progress('')
  return pathRowOf(path, counts.messages, rounds)
}

/** One line that overwrites itself, for people only. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001B[K${text}`)
}

function settingsOrExit(): Settings {
  try {
    return parseArguments(process.argv.slice(2))
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`)
    process.exit(2)
  }
}
