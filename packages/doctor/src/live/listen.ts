import { spawn } from 'node:child_process'
import { once } from 'node:events'
import os from 'node:os'
import type { DiagnosisOptions } from '../diagnosis-options.ts'
import { UnreadableInput } from '../input/json-values.ts'
import { textOf } from '../input/shape.ts'
import { collectSpans } from '../model/spans.ts'
import { report, type Terminal } from '../report/report.ts'
import type { Settings } from '../settings.ts'
import { startReceiver } from './receiver.ts'

export interface ListenOptions extends Pick<DiagnosisOptions, 'format' | 'output'> {
  readonly port: number
  /** Milliseconds without a request after the command's end: exporters flush late. */
  readonly quietMs: number
}

/**
 * Receives spans while a command runs, or until an interruption, then diagnoses them. A command that fails fails the run;
 * else the diagnosis decides.
 */
export async function listen(
  [file, ...args]: readonly string[],
  settings: Settings,
  options: ListenOptions,
  terminal: Terminal,
): Promise<number> {
  const collector = collectSpans()
  const services = new Map<string, number>()
  const receiver = await startReceiver((span) => {
    const service = textOf(span.resource['service.name']) || 'unknown service'
    services.set(service, (services.get(service) ?? 0) + 1)
    collector.add(span)
  }, options.port)
  let ended: { readonly code: number; readonly note: string }
  try {
    if (file === undefined) {
      terminal.err.write(`listening on ${receiver.endpoint} (OTLP/HTTP); Ctrl-C ends it with the diagnosis\n`)
      ended = await untilInterrupted()
    } else ended = await runCommandUnder(file, args, receiver.endpoint, terminal.env)
    await receiver.quiet(options.quietMs)
  } finally {
    await receiver.close()
  }
  for (const [service, count] of [...services].sort(([a], [b]) => (a < b ? -1 : 1))) {
    terminal.err.write(`received ${count} spans of ${service}\n`)
  }
  if (ended.note !== '') terminal.err.write(`${ended.note}\n`)
  const input = { files: [], formats: ['otlp-http'], partial: false, warnings: [] } as const
  const code = report(collector.model(), input, settings, options, terminal)
  return ended.code === 0 ? code : ended.code
}

async function untilInterrupted(): Promise<{ code: number; note: string }> {
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
  return { code: 0, note: '' }
}

/** The general names and those for traces: the latter would win if the surroundings had them. */
function environment(endpoint: string): NodeJS.ProcessEnv {
  return {
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${endpoint}/v1/traces`,
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/protobuf',
  }
}

async function runCommandUnder(
  file: string,
  args: readonly string[],
  endpoint: string,
  env: NodeJS.ProcessEnv,
): Promise<{ code: number; note: string }> {
  const child = spawn(file, args, {
    stdio: 'inherit',
    env: { ...env, ...environment(endpoint) },
    shell: process.platform === 'win32',
  })
  // The terminal sends Ctrl-C to the child as well: it ends, and then we say what we have seen.
  const ignore = (): void => undefined
  process.on('SIGINT', ignore)
  try {
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
    if (signal === null) return { code: code ?? 1, note: '' }
    const note = `the command was ended by ${signal}: what it had not flushed by then is not among these spans`
    return { code: 128 + os.constants.signals[signal], note }
  } catch (error) {
    throw new UnreadableInput(`${file} cannot be run: ${(error as Error).message}`)
  } finally {
    process.off('SIGINT', ignore)
  }
}
