import type { Level } from '../settings.ts'

/** The findings' names, as tools and the troubleshooting page have them. */
export type RuleId =
  | 'MQ-CONTEXT-LOST'
  | 'MQ-STALE-PARENT'
  | 'MQ-PRODUCER-UNTRACED'
  | 'MQ-PRODUCER-OUTSIDE-WINDOW'
  | 'MQ-CONSUMER-UNTRACED'
  | 'TOOL-ROOT'
  | 'TOOL-STALE-SESSION'
  | 'ROOT-MID-SEQUENCE'
  | 'TRACE-ID-DISCONTINUITY'
  | 'UNEXPLAINED-GAP'
  | 'OPAQUE-AGENT-LOOP'
  | 'ORPHAN-PARENT-MISSING'
  | 'CLOCK-SKEW'
  | 'BATCH-UNATTRIBUTED'
  | 'TRANSIT-ROOT'
  | 'LINKS-DROPPED'

/** A way from service to service over a queue, topic or stream. */
export interface Hop {
  readonly system?: string
  readonly producer?: string
  readonly destination?: string
  readonly consumer?: string
  readonly group?: string
}

/** Which side dropped the context, as far as other hops of the destination tell. */
export type Side = 'producer' | 'consumer' | 'unknown'

export interface Evidence {
  readonly traces: readonly string[]
  readonly spans: readonly string[]
  readonly messageId?: string
  readonly text: string
}

/** One fault at one place, however many messages it hit. */
export interface Finding {
  readonly rule: RuleId
  readonly level: Level
  readonly hop: Hop
  /** Messages, spans or gaps that show it. */
  readonly count: number
  readonly side?: Side
  /** One sentence. */
  readonly message: string
  readonly fix: string
  /** The first few. */
  readonly evidence: readonly Evidence[]
}

/** One case of a fault, before all of one place are counted together. */
export interface Case extends Omit<Finding, 'count' | 'evidence' | 'message'> {
  readonly evidence: Evidence
  /** How many messages the case stands for. Default 1. */
  readonly weight?: number
  /** The sentence for that many messages. */
  readonly message: (count: number) => string
  /** Keeps cases of one rule and hop apart, e.g. by cause. */
  readonly aspect?: string
}

/** Some are enough to look it up. */
const EVIDENCE = 5

export interface Gatherer {
  add(one: Case): void
  findings(): Finding[]
}

/** One finding a rule, level, hop and aspect: cases may be as many as spans, findings are few. */
export function gatherer(): Gatherer {
  const groups = new Map<string, { first: Case; count: number; evidence: Evidence[] }>()
  return {
    add(one) {
      const { system, producer, destination, consumer, group } = one.hop
      const place = [system, producer, destination, consumer, group, one.aspect].join('\0')
      const key = `${one.rule}\0${one.level}\0${place}`
      const found = groups.get(key)
      if (found === undefined) {
        groups.set(key, { first: one, count: one.weight ?? 1, evidence: [one.evidence] })
        return
      }
      found.count += one.weight ?? 1
      if (found.evidence.length < EVIDENCE) found.evidence.push(one.evidence)
    },
    findings: () =>
      [...groups.values()].map(({ first, count, evidence }) => {
        const { rule, level, hop, side, fix } = first
        return {
          rule,
          level,
          hop,
          count,
          ...(side && { side }),
          message: first.message(count),
          fix,
          evidence,
        }
      }),
  }
}

export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

/** Ids as people compare them. */
export function short(id: string): string {
  return id.slice(0, 6)
}
