import type { Hops } from '../model/hops.ts'
import type { Message } from '../model/message.ts'
import type { Span } from '../model/span.ts'
import type { SpanModel } from '../model/spans.ts'
import { matches, type Level, type Settings } from '../settings.ts'
import type { Hop } from './finding.ts'

/** What every rule looks at. */
export interface Scene {
  readonly model: SpanModel
  readonly hops: Hops
  readonly settings: Settings
  /** The export is a subset by its own word: nothing that is missing proves anything. */
  readonly partial: boolean
  /** The format has no links, so that a linked hop looks like a lost one. */
  readonly linkless: boolean
  /** Roots that another rule has named. */
  readonly named: Set<Span>
  /** Pairs of services whose clocks differ: no gap between them is believed. */
  readonly skewed: Set<string>
}

/** A partner within this part of the window's ends may just lie outside. */
const EDGE = 0.02

/** Where the span touches the window's ends, its partner may just be outside. */
export function isAtEdge({ model }: Scene, at: number, ends: 'start' | 'end' | 'both' = 'both'): boolean {
  const { start, end } = model.window
  const margin = (end - start) * EDGE
  return (ends !== 'end' && at <= start + margin) || (ends !== 'start' && at >= end - margin)
}

/** The level of a finding about something missing: only known to be missing where all is there. */
export function ifComplete({ partial }: Scene, level: Level): Level {
  return partial ? 'info' : level
}

export function hopOf(producer: Message | undefined, consumer: Message | undefined): Hop {
  const any = consumer ?? producer
  const system = [consumer?.system, producer?.system].find((name) => name !== undefined && name !== '')
  return {
    ...(system !== undefined && { system }),
    ...(producer && { producer: producer.span.service }),
    ...(any && { destination: any.destination }),
    ...(consumer && { consumer: consumer.span.service }),
    ...(consumer?.group !== undefined && { group: consumer.group }),
  }
}

export function isSet(patterns: readonly string[], message: Message): boolean {
  return patterns.length > 0 && matches(patterns, message.destination)
}

export function pairOf(a: Span, b: Span): string {
  return `${a.service}\0${b.service}`
}
