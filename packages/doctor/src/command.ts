import { Command, CommanderError, Option } from 'commander'
import { ledgerOf } from './cost/ledger.ts'
import { readPrices } from './cost/prices.ts'
import { reportCost } from './cost/report.ts'
import { USAGE_KEYS } from './cost/usage.ts'
import { addDiagnosisOptions, numberAbove, settingsOf, type DiagnosisOptions } from './diagnosis-options.ts'
import { UnreadableInput } from './input/json-values.ts'
import { readSources } from './input/read.ts'
import { sourcesOf } from './input/source.ts'
import { listen, type ListenOptions } from './live/listen.ts'
import { collectSpans } from './model/spans.ts'
import type { PeekOptions } from './peek/options.ts'
import { peek } from './peek/peek.ts'
import { leaksOf } from './privacy/privacy.ts'
import { leakCounter, reportPrivacy } from './privacy/report.ts'
import { report, type Terminal } from './report/report.ts'
import { VERSION } from './version.ts'

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
  addDiagnosisOptions(program.command('diagnose', { isDefault: true }))
    .description('diagnose exported spans: OTLP JSON and lines, Tempo, Jaeger, Zipkin v2; also gzip')
    .argument('<files...>', 'files or patterns; - is standard input')
    .action(async (files: string[], options: DiagnosisOptions) => {
      code = await diagnoseFiles(files, options, terminal)
    })
  addDiagnosisOptions(program.command('listen'))
    .description(
      'receive spans by OTLP/HTTP on the loopback interface while a command runs, then diagnose them',
    )
    .argument('[command...]', 'after --: what to run; without one until Ctrl-C')
    .option('--port <port>', 'by default a free one', numberAbove(-1), 0)
    .option('--quiet-ms <ms>', 'time without a request that ends it, after the command', numberAbove(-1), 300)
    .action(
      async (command: string[], options: DiagnosisOptions & Pick<ListenOptions, 'port' | 'quietMs'>) => {
        code = await listen(command, settingsOf(options), options, terminal)
      },
    )
  program
    .command('peek')
    .description('look at waiting messages without changing anything: do they carry context?')
    .argument('<url>', 'redis://, amqp:// or kafka://')
    .argument('[destination]', 'stream, queue or topic; on Redis by default all')
    .option('--count <n>', 'most messages of each destination', numberAbove(0), 50)
    .option('--seconds <s>', 'RabbitMQ: how long to take copies', numberAbove(0), 5)
    .option('--exchange <name>', 'RabbitMQ: what to take copies of')
    .option('--key <pattern>', 'RabbitMQ: routing key', '#')
    .option('--prefix <prefix>', "BullMQ's prefix", 'bull')
    .addOption(tableOrJson())
    .action(
      async (url: string, name: string | undefined, options: PeekOptions & { format: 'table' | 'json' }) => {
        code = await peek(url, name, options, terminal)
      },
    )
  program
    .command('cost')
    .description('tokens and cost by agent, role, queue, trace and conversation')
    .argument('<files...>', 'as for diagnose')
    .option('--prices <file>', 'prices of models as JSON')
    .addOption(tableOrJson())
    .action(
      async (files: string[], { prices: file, format }: { prices?: string; format: 'table' | 'json' }) => {
        const prices = file === undefined ? undefined : readPrices(file)
        const collector = collectSpans(USAGE_KEYS)
        const { partial } = await readSources(await sourcesOf(files), (span) => collector.add(span))
        const model = collector.model()
        code = reportCost(
          ledgerOf(model, partial, prices),
          model.spans.length,
          prices?.currency,
          format,
          terminal,
        )
      },
    )
  program
    .command('privacy')
    .description('fail on message content and on what looks like a secret; prints where, never what')
    .argument('<files...>', 'as for diagnose')
    .addOption(tableOrJson())
    .action(async (files: string[], { format }: { format: 'table' | 'json' }) => {
      const counter = leakCounter()
      let spans = 0
      await readSources(await sourcesOf(files), (span) => {
        spans++
        for (const leak of leaksOf(span)) counter.add(leak)
      })
      code = reportPrivacy(counter.groups(), spans, format, terminal)
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

function tableOrJson(): Option {
  return new Option('-f, --format <format>', 'what to print').choices(['table', 'json']).default('table')
}

async function diagnoseFiles(
  files: readonly string[],
  options: DiagnosisOptions,
  terminal: Terminal,
): Promise<number> {
  const settings = settingsOf(options)
  const collector = collectSpans()
  const input = await readSources(await sourcesOf(files), (span) => collector.add(span))
  return report(collector.model(), input, settings, options, terminal)
}
