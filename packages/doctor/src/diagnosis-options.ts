import { InvalidArgumentError, Option, type Command } from 'commander'
import { readConfig } from './config.ts'
import { defaults, levels, type Level, type Settings } from './settings.ts'

export const formats = ['table', 'json', 'sarif', 'html', 'mermaid'] as const
export type OutputFormat = (typeof formats)[number]

/** The flags of every command that ends in a diagnosis. */
export interface DiagnosisOptions {
  readonly format: OutputFormat
  readonly output?: string
  readonly config?: string
  readonly failOn?: Level
  readonly gapMs?: number
  readonly gapPercent?: number
  readonly ignoreRoot?: string[]
}

export function addDiagnosisOptions(command: Command): Command {
  return command
    .addOption(new Option('-f, --format <format>', 'what to print').choices(formats).default('table'))
    .option('-o, --output <file>', 'write it there, and the table to the terminal')
    .option('--config <file>', 'settings as JSON; by default waybill-doctor.json if it is there')
    .addOption(new Option('--fail-on <level>', 'exit with 1 from this level on').choices(levels))
    .option('--gap-ms <ms>', 'shortest gap that is told', numberAbove(0))
    .option('--gap-percent <percent>', 'least part of its trace that a gap must make up', numberAbove(-1))
    .option('--ignore-root <pattern...>', 'names of roots that are no lost work, e.g. of cron jobs')
}

/** Of a flag: what is no number must not pass as one. */
export function numberAbove(least: number): (text: string) => number {
  return (text) => {
    const number = text.trim() === '' ? Number.NaN : Number(text)
    if (!(number > least)) throw new InvalidArgumentError(`It must be a number above ${least}.`)
    return number
  }
}

/** Flags stand above the configuration file, that above the defaults. */
export function settingsOf(options: DiagnosisOptions): Settings {
  const config = readConfig(options.config)
  return {
    ...defaults,
    ...config,
    ...(options.failOn && { failOn: options.failOn }),
    ...(options.gapMs !== undefined && { gapMs: options.gapMs }),
    ...(options.gapPercent !== undefined && { gapPercent: options.gapPercent }),
    ignoreRoots: [...(config.ignoreRoots ?? defaults.ignoreRoots), ...(options.ignoreRoot ?? [])],
  }
}
