// Zipkin has no links: a delivery that links its message, instead of continuing it, looks as if its context were lost.
import { numberFact } from '../model/facts.ts'
import { ATTEMPT, BATCH_COUNT, ROOT_REASON } from '../model/keys.ts'
import type { Message } from '../model/message.ts'
import { plural, type Case, type Hop } from './finding.ts'
import { isSet, type Scene } from './scene.ts'

/**
 * Ours says why a root is one, unless a link takes the parent's place; and a batch is a root by convention. OpenTelemetry's
 * exporters for Zipkin write no scope, so ours are known by their attempt.
 */
export function mayBeLinked({ linkless, settings }: Scene, consumer: Message): boolean {
  if (!linkless) return false
  if (isSet(settings.linked, consumer)) return true
  const { scope, facts } = consumer.span
  const isOurs = scope.startsWith('@waybill/') || facts[ATTEMPT] !== undefined
  return (isOurs && facts[ROOT_REASON] === undefined) || numberFact(facts, BATCH_COUNT) !== undefined
}

/** What is said of it instead of a loss. */
export function unseenLink(hop: Hop, shared: Pick<Case, 'weight' | 'evidence'>): Case {
  const { producer, consumer, destination } = hop
  return {
    rule: 'MQ-CONTEXT-LOST',
    level: 'info',
    hop,
    aspect: 'unseen link',
    message: (count) =>
      `${plural(count, 'message')} on ${destination} began a trace of their own in ${consumer}; Zipkin has no links, so whether they link what ${producer} sent cannot be seen`,
    fix: `for Zipkin use relation: 'parent' in ${consumer}, or export OTLP, which has links`,
    ...shared,
  }
}
