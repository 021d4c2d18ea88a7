// R4: sends that nobody is ever seen to receive.
import { scheduledDelay } from '../model/facts.ts'
import type { Message } from '../model/message.ts'
import { fixOfConsumer } from './fixes.ts'
import { plural, short, type Case } from './finding.ts'
import { hopOf, ifComplete, isSet, type Scene } from './scene.ts'

/** Fewer may still be on their way. */
const SENDS = 3
/** And so may those of the last part of the window. */
const YOUNG = 0.1

export function* consumerUntraced(scene: Scene): Generator<Case> {
  const { hops, model, settings } = scene
  const read = readDestinations(scene)
  const children = remoteParents(scene)
  const linked = linkTargets(scene)
  const young = model.window.end - (model.window.end - model.window.start) * YOUNG
  for (const [destination, sends] of hops.sends) {
    if (read.has(destination)) continue
    const old = sends.filter(({ span }) => span.start + scheduledDelay(span) < young)
    const counted = distinct(old)
    const [first] = counted
    if (first === undefined || counted.length < SENDS || isSet(settings.writeOnly, first)) continue
    if (sends.some(({ span }) => linked.has(span.spanId) || children.has(span.spanId))) continue
    const hop = hopOf(first, undefined)
    for (const { span, ids } of counted) {
      yield {
        rule: 'MQ-CONSUMER-UNTRACED',
        level: ifComplete(scene, 'probable'),
        hop: { ...hop, producer: first.span.service },
        message: (count) =>
          `${plural(count, 'message')} went to ${destination}, and nothing in the export receives from it: its consumer is not traced`,
        fix: fixOfConsumer(hop),
        evidence: {
          traces: [span.traceId],
          spans: [span.spanId],
          ...(ids[0] !== undefined && { messageId: ids[0] }),
          text: `${span.name} in trace ${short(span.traceId)}`,
        },
      }
    }
  }
}

/** A deduplicated add repeats the winner's id. */
function distinct(sends: readonly Message[]): Message[] {
  const seen = new Set<string>()
  return sends.filter(({ ids: [id] }) => {
    if (id === undefined) return true
    if (seen.has(id)) return false
    seen.add(id)
    return true
  })
}

/** By the producers' names of them. */
function readDestinations({ hops }: Scene): Set<string> {
  const read = new Set<string>()
  for (const { consumer, producer } of hops.deliveries) {
    read.add(consumer.destination)
    read.add(producer.destination)
  }
  for (const message of hops.messages) if (message.role !== 'send') read.add(message.destination)
  for (const { consumer, sends } of hops.unpaired) {
    read.add(consumer.destination)
    for (const send of sends) read.add(send.destination)
  }
  return read
}

function linkTargets({ model }: Scene): Set<string> {
  const targets = new Set<string>()
  for (const { links } of model.spans) for (const { spanId } of links) targets.add(spanId)
  return targets
}

/** Sends under which another service works: somebody took the context out by hand. */
function remoteParents({ model }: Scene): Set<string> {
  const parents = new Set<string>()
  for (const { parent, service } of model.spans) {
    if (parent !== undefined && parent.service !== service) parents.add(parent.spanId)
  }
  return parents
}
