import { parseArgs } from 'node:util'
import { brokers, type BenchedBroker } from './job.ts'

export const USAGE = `npm run bench -- [options]

  --quick         2 rounds of small samples, under 4 minutes for all brokers; for a first look
  --rounds N      number of rounds (default 9, with --quick 2)
  --broker NAME   only this one, may be repeated: ${brokers.join(', ')}
  --by-hand       measure the same telemetry written by hand around each client as well
  --json FILE     write the rows to FILE as well`

/** What a run is to measure. */
export interface Settings {
  readonly brokers: readonly BenchedBroker[]
  readonly rounds: number
  readonly size: 'quick' | 'full'
  /** Whether the variant `by hand` is measured as well. */
  readonly byHand: boolean
  readonly json: string | undefined
}

/** @throws on an unknown option, broker or number of rounds */
export function parseArguments(args: readonly string[]): Settings {
  const { values } = parseArgs({
    // pnpm hands on the `--` that npm takes out.
    args: args.filter((arg) => arg !== '--'),
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      broker: { type: 'string', multiple: true },
      'by-hand': { type: 'boolean', default: false },
      json: { type: 'string' },
    },
  })
  const rounds = Number(values.rounds ?? (values.quick ? 2 : 9))
  if (!Number.isSafeInteger(rounds) || rounds < 1)
    throw new Error(`--rounds has to be a whole number from 1, not ${values.rounds}`)
  const unknown = values.broker?.find((name) => !(brokers as readonly string[]).includes(name))
  if (unknown !== undefined) throw new Error(`No such broker: ${unknown}`)
  return {
    brokers: (values.broker as BenchedBroker[] | undefined) ?? brokers,
    rounds,
    size: values.quick ? 'quick' : 'full',
    byHand: values['by-hand'],
    json: values.json,
  }
}
