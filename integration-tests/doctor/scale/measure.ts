// What a diagnosis costs by size of the export: `pnpm --filter @waybill/integration-tests-doctor scale [spans…]`
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { generate } from './generate.ts'

interface Measured {
  readonly ms: number
  readonly maxRssMb: number
  /** All threads, start included. */
  readonly cpuMs: number
  readonly lost: number
}

const sizes = process.argv.slice(2).map(Number)
const folder = mkdtempSync(path.join(os.tmpdir(), 'waybill-doctor-scale-'))
try {
  console.log(`Node.js ${process.version}, ${os.cpus().length} × ${os.cpus()[0]?.model}`)
  console.log('    spans    file MB        s     CPU s   CPU µs/span   peak MB   bytes/span   findings right')
  const idle = await measure(path.join(folder, 'one.jsonl'), 10)
  for (const size of sizes.length > 0 ? sizes : [10_000, 100_000, 1_000_000]) {
    const file = path.join(folder, `${size}.jsonl`)
    const { ms, cpuMs, maxRssMb, lost } = await measure(file, size)
    const row = [
      [size, 9, 0],
      [statSync(file).size / 1e6, 10, 0],
      [ms / 1000, 8, 2],
      [cpuMs / 1000, 9, 2],
      [((cpuMs - idle.cpuMs) * 1000) / size, 13, 1],
      [maxRssMb, 9, 0],
      [((maxRssMb - idle.maxRssMb) * 1024 * 1024) / size, 12, 0],
    ] as const
    const right = lost === Math.ceil(size / 1_000)
    console.log(
      `${row.map(([value, width, digits]) => value.toFixed(digits).padStart(width)).join(' ')}   ${right ? 'yes' : `no: ${lost}`}`,
    )
    if (!right) process.exitCode = 1
    rmSync(file)
  }
} finally {
  rmSync(folder, { recursive: true })
}

async function measure(file: string, spans: number): Promise<Measured> {
  await generate(file, spans)
  const args = [
    '--no-warnings',
    '--conditions=waybill-source',
    path.join(import.meta.dirname, 'measured.ts'),
    '-f',
    'json',
    file,
  ]
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, { maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      // Exit code 1 is a finding.
      if (error !== null && error.code !== 1) return reject(new Error(stderr || error.message))
      const measured = JSON.parse(stderr.trimEnd().split('\n').at(-1) ?? '') as Omit<Measured, 'lost'>
      const { findings } = JSON.parse(stdout) as { findings: { rule: string; count: number }[] }
      const lost = findings.find(({ rule }) => rule === 'MQ-CONTEXT-LOST')?.count ?? 0
      resolve({ ...measured, lost })
    })
  })
}
