/** How sure a finding is: identity proves it; the hop is sure but the pairing is not; worth knowing. */
export type Level = 'certain' | 'probable' | 'info'

export const levels: readonly Level[] = ['certain', 'probable', 'info']

/** What a configuration file and flags say. */
export interface Settings {
  /** Exit with 1 from this level on. Default `certain`. */
  readonly failOn: Level
  /** Milliseconds from which a gap is told. Default 20. */
  readonly gapMs: number
  /** Per cent of its trace that a gap must make up, too, unless it is a second or more. Default 5. */
  readonly gapPercent: number
  /** Names of roots that are no work of anybody, `*` for any text. Default `*cron*`. */
  readonly ignoreRoots: readonly string[]
  /** Destinations that nobody traced reads, e.g. an audit log. */
  readonly writeOnly: readonly string[]
  /** Destinations whose consumers start a new trace on purpose. */
  readonly restart: readonly string[]
  /** Destinations whose consumers link instead of continuing; for formats that have no links. */
  readonly linked: readonly string[]
}

export const defaults: Settings = {
  failOn: 'certain',
  gapMs: 20,
  gapPercent: 5,
  ignoreRoots: ['*cron*'],
  writeOnly: [],
  restart: [],
  linked: [],
}

/** Whether one of the patterns is all of the text; `*` stands for any characters. */
export function matches(patterns: readonly string[], text: string): boolean {
  return patterns.some((pattern) => {
    const [first = '', ...rest] = pattern
      .split('*')
      .map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&'))
    return new RegExp(`^${[first, ...rest].join('.*')}$`, 'is').test(text)
  })
}
