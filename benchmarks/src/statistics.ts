import { modes, variants, type BenchedBroker, type Mode, type Variant } from './job.ts'

/** A median with its range. */
export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** CPU time of the samples of one round, µs per message, by `cellOf`. */
export type Round = ReadonlyMap<string, number>

/** One mode of one broker. All figures but `bareUs` are CPU time *added* to the bare client's, µs per message. */
export interface Row {
  readonly broker: BenchedBroker
  readonly mode: Mode
  /** What a message costs with the bare client and no SDK. */
  readonly bareUs: number
  /** `null` where no other tool carries context. */
  readonly peerUs: number | null
  readonly oursUs: number
  readonly floorUs: number
  /** The telemetry of ours, written by hand around the client; only where that was measured. */
  readonly byHandUs?: number
  /** Most that ours may add, from this run's own floor and peer; see `targetOf`. */
  readonly target: number
  readonly pass: boolean
  readonly rounds: number
  /** Measured messages in each sample. */
  readonly messages: number
  readonly ranges: Readonly<Record<'bareUs' | 'oursUs' | 'floorUs', readonly [number, number]>> & {
    readonly peerUs: readonly [number, number] | null
    readonly byHandUs?: readonly [number, number]
  }
}

export function spreadOf(values: readonly number[]): Spread {
  if (values.length === 0) throw new RangeError('No values')
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle]!
  const median = sorted.length % 2 === 1 ? upper : (sorted[middle - 1]! + upper) / 2
  return { median, min: sorted[0]!, max: sorted.at(-1)! }
}

/** A copy in random order, every order alike (Fisher–Yates). */
export function shuffled<T>(items: readonly T[], random: () => number = Math.random): T[] {
  const copy = [...items]
  for (let i = copy.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    ;[copy[i], copy[j]] = [copy[j]!, copy[i]!]
  }
  return copy
}

/** One kind of sample. */
export interface Cell {
  readonly variant: Variant
  readonly mode: Mode
}

/** Where a sample belongs in a round. The bare client knows nothing of an SDK, so that its mode is always the same. */
export function cellOf(variant: Variant, mode: Mode): string {
  return `${variant}, ${mode}`
}

/** The samples that make a round. */
export function cellsOf({
  hasPeer,
  byHand,
}: {
  readonly hasPeer: boolean
  readonly byHand: boolean
}): Cell[] {
  return variants
    .filter((variant) => (variant !== 'peer' || hasPeer) && (variant !== 'by hand' || byHand))
    .flatMap((variant): Cell[] => (variant === 'bare' ? [BARE] : modes.map((mode) => ({ variant, mode }))))
}

const BARE: Cell = { variant: 'bare', mode: 'no SDK' }

/** How far ours may go towards the floor and the peer. Without an SDK there is nothing to do, so that limit is fixed. */
const LIMITS = {
  traced: { overFloor: 1.25, ofPeer: 0.6 },
  'sampled out': { overFloor: 1.25, ofPeer: 0.5 },
} as const
const NO_SDK_LIMIT_US = 1

/**
 * The most that ours may add in a mode, µs per message: traced 1.25 × the floor and 60 % of the peer, sampled out 1.25 × the
 * floor and 50 % of the peer, whichever is less; without an SDK 1 µs.
 */
export function targetOf(mode: Mode, floorUs: number, peerUs: number | null): number {
  if (mode === 'no SDK') return NO_SDK_LIMIT_US
  const { overFloor, ofPeer } = LIMITS[mode]
  const limit = overFloor * floorUs
  return peerUs === null ? limit : Math.min(limit, ofPeer * Math.max(peerUs, 0))
}

/**
 * The three rows of one broker. What a client adds is its sample less the bare one of the same round, so that slow changes
 * of the machine cancel out; the floor's sample is an added cost by itself.
 */
export function rowsOf(broker: BenchedBroker, messages: number, rounds: readonly Round[]): Row[] {
  const figure = (round: Round, variant: Variant, mode: Mode): number => {
    const value = round.get(cellOf(variant, mode))
    if (value === undefined) throw new RangeError(`No sample of ${broker}: ${cellOf(variant, mode)}`)
    return value
  }
  const bareOf = (round: Round): number => figure(round, BARE.variant, BARE.mode)
  const bare = spreadOf(rounds.map(bareOf))
  const hasPeer = rounds.every((round) => round.has(cellOf('peer', 'traced')))
  const hasByHand = rounds.every((round) => round.has(cellOf('by hand', 'traced')))
  return modes.map((mode) => {
    const added = (variant: Variant): Spread =>
      spreadOf(rounds.map((round) => figure(round, variant, mode) - bareOf(round)))
    const ours = added('ours')
    const peer = hasPeer ? added('peer') : undefined
    const floor = spreadOf(rounds.map((round) => figure(round, 'floor', mode)))
    const hand = hasByHand ? added('by hand') : undefined
    const target = targetOf(mode, floor.median, peer?.median ?? null)
    return {
      broker,
      mode,
      bareUs: bare.median,
      peerUs: peer?.median ?? null,
      oursUs: ours.median,
      floorUs: floor.median,
      ...(hand !== undefined && { byHandUs: hand.median }),
      target,
      pass: ours.median <= target,
      rounds: rounds.length,
      messages,
      ranges: {
        bareUs: rangeOf(bare),
        peerUs: peer === undefined ? null : rangeOf(peer),
        oursUs: rangeOf(ours),
        floorUs: rangeOf(floor),
        ...(hand !== undefined && { byHandUs: rangeOf(hand) }),
      },
    }
  })
}

function rangeOf({ min, max }: Spread): readonly [number, number] {
  return [min, max]
}
