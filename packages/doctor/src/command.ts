import { Command, CommanderError, Option } from 'commander'
import { diagnose } from './diagnose.ts'
import { exitOf } from './exit.ts'
import { UnreadableInput } from './input/json-values.ts'
import { readSources } from './input/read.ts'
import { sourcesOf } from './input/source.ts'
import { collectSpans } from './model/spans.ts'
import { inkFor } from './report/ink.ts'
import { table } from './report/table.ts'
import { levels, type Level, type Settings } from './settings.ts'
import { VERSION } from './version.ts'

/** Where a command writes to, and what it reads its surroundings from. */
export interface Terminal {
  readonly out: Writable
  readonly err: Writable
  readonly env: NodeJS.ProcessEnv
}

interface Writable {
  readonly isTTY?: boolean
  write(text: string): unknown
}

interface DiagnoseOptions {
  readonly failOn?: Level
  readonly gapMs?: number
  readonly gapPercent?: number
  readonly ignoreRoot?: string[]
}

/** Runs one command line; resolves with the exit code. */
export async function runCommand(args: readonly string[], terminal: Terminal): Promise<number> {
  let code = 0
  const program = new Command('waybill-doctor')
    .description(
      'Reads exported spans and says where a trace broke between producer and consumer, and the fix.',
    )
    .version(VERSION)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void terminal.out.write(text),
      writeErr: (text) => void terminal.err.write(text),
    })
  program
    .command('diagnose', { isDefault: true })
    .description('diagnose exported spans: OTLP JSON and lines, Tempo, Jaeger, Zipkin v2; also gzip')
    .argument('<files...>', 'files or patterns; - is standard input')
    .addOption(new Option('--fail-on <level>', 'exit with 1 from this level on').choices(levels))
    .option('--gap-ms <ms>', 'shortest gap that is told', Number)
    .option('--gap-percent <percent>', 'least part of its trace that a gap must make up', Number)
    .option('--ignore-root <pattern...>', 'names of roots that are no lost work, e.g. of cron jobs')
    .action(async (files: string[], options: DiagnoseOptions) => {
      code = await diagnoseFiles(files, options, terminal)
    })
  try {
    await program.parseAsync(args, { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    if (!(error instanceof UnreadableInput)) throw error
    terminal.err.write(`waybill-doctor: ${error.message}\n`)
    return 2
  }
  return code
}

async function diagnoseFiles(
  files: readonly string[],
  options: DiagnoseOptions,
  { out, err, env }: Terminal,
): Promise<number> {
  const collector = collectSpans()
  const input = await readSources(await sourcesOf(files), (span) => collector.add(span))
  const settings: Partial<Settings> = {
    ...(options.failOn && { failOn: options.failOn }),
    ...(options.gapMs !== undefined && { gapMs: options.gapMs }),
    ...(options.gapPercent !== undefined && { gapPercent: options.gapPercent }),
    ...(options.ignoreRoot && { ignoreRoots: options.ignoreRoot }),
  }
  const diagnosis = diagnose(collector.model(), input, settings)
  const exit = exitOf(diagnosis, options.failOn ?? 'certain')
  out.write(table(diagnosis, inkFor(out, env)))
  if (exit.code === 2) err.write(`waybill-doctor: ${exit.reason}\n`)
  return exit.code
}
