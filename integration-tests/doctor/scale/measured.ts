// One run of the command line in a process of its own; what it took goes to standard error as the last line.
import process from 'node:process'
import { runCommand } from '../../../packages/doctor/src/command.ts'

const started = performance.now()
process.exitCode = await runCommand(process.argv.slice(2), {
  out: process.stdout,
  err: process.stderr,
  env: {},
})
const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage()
process.stderr.write(
  `${JSON.stringify({ ms: performance.now() - started, maxRssMb: maxRSS / 1024, cpuMs: (userCPUTime + systemCPUTime) / 1000 })}\n`,
)
