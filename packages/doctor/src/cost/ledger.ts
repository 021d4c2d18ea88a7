import { attemptOf, conversationOf, isAgent } from '../model/facts.ts'
import { append } from '../model/grouping.ts'
import { findHops, isDetached, type Hops } from '../model/hops.ts'
import { ancestors, isOrphan, lineage, type Span } from '../model/span.ts'
import type { SpanModel } from '../model/spans.ts'
import { traceUnion, type TraceUnion } from '../rules/what-if.ts'
import { amountOf, priceOf, type Prices } from './prices.ts'
import { add, agentName, modelOf, NO_TOKENS, reportedCost, roleOf, tokensOf, type Tokens } from './usage.ts'

/** Tokens and cost of something, counted once each. */
export interface Sum {
  readonly calls: number
  readonly tokens: Tokens
  /** In the currency of the prices, or as providers reported it; without calls whose model has no price. */
  readonly cost: number
}

/** One agent: what it used itself, and what all below it did. */
export interface AgentSum {
  readonly agent: string
  readonly role: string | undefined
  readonly self: Sum
  readonly subtree: Sum
}

export interface ConversationSum {
  readonly conversation: string
  /** All of it, over the traces that belong to it. */
  readonly joined: Sum
  /** The same by trace: what a backend would show. */
  readonly fragments: readonly { readonly traceId: string; readonly sum: Sum }[]
}

export interface Ledger {
  readonly total: Sum
  /** Part of the total: of attempts that failed or were followed by another one. */
  readonly wasted: Sum
  /** Part of the total: used after the agent that it was for had ended. */
  readonly late: Sum
  /** Part of the total: totals of agents under which no call of a model is seen. */
  readonly reported: Sum
  readonly agents: readonly AgentSum[]
  readonly roles: readonly { readonly role: string; readonly sum: Sum }[]
  readonly hops: readonly { readonly destination: string; readonly sum: Sum }[]
  readonly traces: readonly { readonly traceId: string; readonly sum: Sum }[]
  readonly conversations: readonly ConversationSum[]
  /** Models without a price, by calls. */
  readonly unpriced: readonly { readonly model: string; readonly calls: number }[]
  /** Why the totals are lower bounds; empty if they are not. */
  readonly incomplete: readonly string[]
}

const NOTHING: Sum = { calls: 0, tokens: NO_TOKENS, cost: 0 }

/** Counts what the calls of models used: only where no span below the same call says so as well. */
export function ledgerOf(model: SpanModel, partial: boolean, prices?: Prices): Ledger {
  const hops = findHops(model)
  const entries = entriesOf(model, prices)
  const superseded = wastedAttempts(hops)
  const tops = topAgents(model)
  const union = whatIf(hops)
  const by = {
    agents: new Map<string, AgentSums>(),
    roles: new Tally(),
    hops: new Tally(),
    traces: new Tally(),
  }
  const unpriced = new Map<string, number>()
  let [total, wasted, late, reported] = [NOTHING, NOTHING, NOTHING, NOTHING]
  for (const entry of entries) {
    const { span, sum, isTotal } = entry
    total = plus(total, sum)
    if (isTotal) reported = plus(reported, sum)
    if (!entry.priced && prices !== undefined)
      unpriced.set(modelOf(span), (unpriced.get(modelOf(span)) ?? 0) + 1)
    const line = [...lineage(span)]
    if (line.some((one) => superseded.has(one))) wasted = plus(wasted, sum)
    const top = tops.get(span.traceId)
    if (top !== undefined && top !== span && span.end > top.end) late = plus(late, sum)
    by.traces.add(span.traceId, sum)
    const delivery = line.map((one) => hops.messageOf(one)).find((message) => message?.role === 'process')
    if (delivery !== undefined) by.hops.add(delivery.destination, sum)
    addToAgents(by.agents, line.filter(isAgent), sum)
    const role = line.map(roleOf).find((name) => name !== undefined)
    if (role !== undefined) by.roles.add(role, sum)
  }
  return {
    total,
    wasted,
    late,
    reported,
    agents: [...by.agents].map(([agent, sums]) => ({ agent, ...sums })),
    roles: by.roles.list().map(([role, sum]) => ({ role, sum })),
    hops: by.hops.list().map(([destination, sum]) => ({ destination, sum })),
    traces: by.traces.list().map(([traceId, sum]) => ({ traceId, sum })),
    conversations: conversationsOf(model, by.traces, union),
    unpriced: [...unpriced]
      .map(([name, calls]) => ({ model: name, calls }))
      .sort((a, b) => b.calls - a.calls),
    incomplete: incompleteness(model, partial, unpriced.size),
  }
}

interface AgentSums {
  self: Sum
  subtree: Sum
  readonly role: string | undefined
}

class Tally {
  readonly #sums = new Map<string, Sum>()
  add(key: string, sum: Sum): void {
    this.#sums.set(key, plus(this.#sums.get(key) ?? NOTHING, sum))
  }
  get(key: string): Sum {
    return this.#sums.get(key) ?? NOTHING
  }
  list(): [string, Sum][] {
    return [...this.#sums].sort(([, a], [, b]) => b.cost - a.cost || b.tokens.input - a.tokens.input)
  }
}

function plus(a: Sum, b: Sum): Sum {
  return { calls: a.calls + b.calls, tokens: add(a.tokens, b.tokens), cost: a.cost + b.cost }
}

interface Entry {
  readonly span: Span
  readonly sum: Sum
  readonly priced: boolean
  /** A total of an agent, in place of calls that are not seen. */
  readonly isTotal: boolean
}

/** Spans with usage of which nothing below has any: totals repeat, and two instrumentations of one call nest. */
function entriesOf(model: SpanModel, prices: Prices | undefined): Entry[] {
  const users = new Map<Span, Tokens>()
  for (const span of model.spans) {
    const tokens = tokensOf(span)
    if (tokens !== undefined) users.set(span, tokens)
  }
  const covered = new Set<Span>()
  for (const span of users.keys()) for (const above of ancestors(span)) covered.add(above)
  return [...users]
    .filter(([span]) => !covered.has(span))
    .map(([span, tokens]) => {
      const price = priceOf(prices, modelOf(span))
      const own = reportedCost(span)
      const cost = own ?? (price === undefined ? 0 : amountOf(tokens, price))
      return {
        span,
        sum: { calls: 1, tokens, cost },
        priced: own !== undefined || price !== undefined,
        isTotal: isAgent(span),
      }
    })
}

/** Deliveries whose work was thrown away: failed ones, and those with a later attempt. */
function wastedAttempts({ messages }: Hops): Set<Span> {
  const latest = new Map<string, number>()
  const key = (destination: string, id: string, group = ''): string => `${destination}\0${id}\0${group}`
  const attempts = messages.filter(({ role }) => role === 'process')
  for (const { span, destination, ids, group } of attempts) {
    for (const id of ids) {
      const at = key(destination, id, group)
      latest.set(at, Math.max(latest.get(at) ?? 0, attemptOf(span) ?? 1))
    }
  }
  const wasted = new Set<Span>()
  for (const { span, destination, ids, group } of attempts) {
    const later = ids.some((id) => (latest.get(key(destination, id, group)) ?? 0) > (attemptOf(span) ?? 1))
    if (span.failed || later) wasted.add(span)
  }
  return wasted
}

/** The first agent of each trace: what it was all for. */
function topAgents({ traces }: SpanModel): Map<string, Span> {
  const tops = new Map<string, Span>()
  for (const [traceId, spans] of traces) {
    const top = spans.find((span) => isAgent(span) && span.ended)
    if (top !== undefined) tops.set(traceId, top)
  }
  return tops
}

/** The nearest agent used it itself; all above have it below them. */
function addToAgents(agents: Map<string, AgentSums>, above: readonly Span[], sum: Sum): void {
  const seen = new Set<string>()
  for (const [i, span] of above.entries()) {
    const name = agentName(span)
    const known = agents.get(name) ?? { self: NOTHING, subtree: NOTHING, role: roleOf(span) }
    if (i === 0) known.self = plus(known.self, sum)
    // An agent that calls itself has it below it once.
    if (!seen.has(name)) known.subtree = plus(known.subtree, sum)
    seen.add(name)
    agents.set(name, known)
  }
}

/** Traces that would be one if context had not been lost. */
function whatIf({ deliveries }: Hops): TraceUnion {
  const union = traceUnion()
  for (const { producer, consumer, connected, id } of deliveries) {
    if (connected || (id !== undefined && isDetached(consumer.span))) {
      union.join(producer.span.traceId, consumer.span.traceId)
    }
  }
  return union
}

function conversationsOf(model: SpanModel, traces: Tally, union: TraceUnion): ConversationSum[] {
  const named = new Map<string, Set<string>>()
  for (const span of model.spans) {
    const conversation = conversationOf(span)
    if (conversation === undefined) continue
    const known = named.get(conversation)
    if (known === undefined) named.set(conversation, new Set([span.traceId]))
    else known.add(span.traceId)
  }
  if (named.size === 0) return []
  const together = new Map<string, string[]>()
  for (const traceId of model.traces.keys()) append(together, union.find(traceId), traceId)
  return [...named].map(([conversation, own]) => {
    const all = new Set([...own].flatMap((traceId) => together.get(union.find(traceId)) ?? [traceId]))
    const fragments = [...all]
      .map((traceId) => ({ traceId, sum: traces.get(traceId) }))
      .filter(({ sum }) => sum.calls > 0)
    return { conversation, joined: fragments.reduce((sum, one) => plus(sum, one.sum), NOTHING), fragments }
  })
}

function incompleteness(model: SpanModel, partial: boolean, unpriced: number): string[] {
  const reasons: string[] = []
  if (unpriced > 0) reasons.push(`${unpriced} model${unpriced === 1 ? ' has' : 's have'} no price`)
  if (model.spans.some(isOrphan)) reasons.push('some parents are not in the export')
  if (partial) reasons.push('the export is a part by its own word')
  return reasons
}
