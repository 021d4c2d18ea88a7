import { WaybillTypeError } from '@waybill/core/adapter'

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

const CHECKS: Readonly<
  Record<keyof Settings, { readonly expected: string; readonly ok: (value: unknown) => boolean }>
> = {
  failOn: { expected: levels.join(', '), ok: (value) => levels.includes(value as Level) },
  gapMs: { expected: 'milliseconds above 0', ok: (value) => typeof value === 'number' && value > 0 },
  gapPercent: {
    expected: 'per cent from 0 to 100',
    ok: (value) => typeof value === 'number' && value >= 0 && value <= 100,
  },
  ignoreRoots: { expected: 'a list of patterns', ok: isTextList },
  writeOnly: { expected: 'a list of patterns', ok: isTextList },
  restart: { expected: 'a list of patterns', ok: isTextList },
  linked: { expected: 'a list of patterns', ok: isTextList },
}

function isTextList(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}

/** Settings given in code: a typo must not pass silently. */
export function checkSettings(functionName: string, settings: Partial<Settings>): void {
  const origin = { packageName: '@waybill/doctor', functionName }
  for (const [name, value] of Object.entries(settings) as [keyof Settings, unknown][]) {
    const check = Object.hasOwn(CHECKS, name) ? CHECKS[name] : undefined
    if (check === undefined) {
      const names = Object.keys(CHECKS).join(', ')
      throw new WaybillTypeError(origin, `settings ${names}`, name, `Leave out or rename '${name}'.`)
    }
    if (value !== undefined && !check.ok(value)) {
      throw new WaybillTypeError(origin, `${name}: ${check.expected}`, value, `Correct '${name}'.`)
    }
  }
}
