import type { AttributeValue } from '../input/raw-span.ts'
import {
  ATTEMPT,
  ATTEMPTS_MADE,
  CONVERSATION,
  GEN_AI_OPERATION,
  HTTP_METHOD,
  MCP_METHOD,
  MCP_RESULT_TYPE,
  OPENINFERENCE_KIND,
  OPERATION_NAME,
  REQUEST_ID,
  RETRY_COUNT,
  SCHEDULED_DELAY,
  SCHEDULER,
  TOOL_NAME,
  TRACELOOP_KIND,
  TRANSIT_KNOWN,
} from './keys.ts'
import { isRoot, SECOND, type Facts, type Span } from './span.ts'

/** The first of the names that has a value, as text; an empty text counts as none. */
export function textFact(facts: Facts, keys: readonly string[]): string | undefined {
  for (const key of keys) {
    const value = facts[key]
    if (value !== undefined && value !== null && value !== '') return scalar(value)
  }
  return undefined
}

function scalar(value: AttributeValue): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/** A number, also one that came as text. */
export function numberFact(facts: Facts, key: string): number | undefined {
  const value = facts[key]
  if (value === undefined || value === null || value === '') return undefined
  const number = Number(value)
  return Number.isFinite(number) ? number : undefined
}

export function isTransit({ facts }: Span): boolean {
  return facts[OPERATION_NAME] === 'transit'
}

/** The span, or one of its links, says how long the message waited. */
export function saysTransit({ facts, links }: Span): boolean {
  return hasTransit(facts) || links.some((link) => hasTransit(link.facts))
}

function hasTransit(facts: Facts): boolean {
  return TRANSIT_KNOWN.some((key) => facts[key] !== undefined)
}

/** Microseconds that the application asked for. */
export function scheduledDelay({ facts }: Span): number {
  return (numberFact(facts, SCHEDULED_DELAY) ?? 0) * SECOND
}

/** Number of the delivery, from 1. BullMQ's own count is of attempts begun, which after the first is the number of this one. */
export function attemptOf({ facts }: Span): number | undefined {
  const own = numberFact(facts, ATTEMPT)
  if (own !== undefined) return own
  const retries = numberFact(facts, RETRY_COUNT)
  if (retries !== undefined) return retries + 1
  return numberFact(facts, ATTEMPTS_MADE)
}

export function isTool({ facts }: Span): boolean {
  return (
    facts[GEN_AI_OPERATION] === 'execute_tool' ||
    facts[MCP_METHOD] === 'tools/call' ||
    facts[OPENINFERENCE_KIND] === 'TOOL' ||
    facts[TRACELOOP_KIND] === 'tool'
  )
}

export function isAgent({ facts }: Span): boolean {
  return (
    facts[GEN_AI_OPERATION] === 'invoke_agent' ||
    facts[OPENINFERENCE_KIND] === 'AGENT' ||
    facts[TRACELOOP_KIND] === 'agent'
  )
}

export function toolName(span: Span): string {
  return textFact(span.facts, TOOL_NAME) ?? span.name
}

export function requestId({ facts }: Span): string | undefined {
  return textFact(facts, REQUEST_ID)
}

export function conversationOf({ facts }: Span): string | undefined {
  return textFact(facts, CONVERSATION)
}

/** Somebody was asked and took their time. */
export function isHumanStep({ facts }: Span): boolean {
  return facts[MCP_METHOD] === 'elicitation/create' || facts[MCP_RESULT_TYPE] === 'input_required'
}

/** A request of a user begins here. Calls of a tool come as SERVER spans, too, but from an agent. */
export function isUserTurn(span: Span): boolean {
  if (!isRoot(span) || span.kind !== 'SERVER' || span.facts[MCP_METHOD] !== undefined) return false
  return textFact(span.facts, HTTP_METHOD) !== undefined || !isTool(span)
}

const BULLMQ_HOUSEKEEPING =
  /^(startStalledCheckTimer|moveStalledJobsToWait|extendLocks|close|obliterate|pause|resume|drain|clean|getNextJob|rateLimit|trimEvents|promoteJobs|remove|removeDeduplicationKey|removeDebounceKey|updateJobProgress)( |$)/
const MCP_HOUSEKEEPING = new Set(['initialize', 'server/discover', 'ping', 'notifications/initialized'])

/** Work of a client for itself: a root of it is no lost context. */
export function isHousekeeping(span: Span): boolean {
  if (span.kind === 'INTERNAL' && BULLMQ_HOUSEKEEPING.test(span.name)) return true
  if (span.facts[SCHEDULER] !== undefined && span.kind === 'PRODUCER') return true
  return MCP_HOUSEKEEPING.has(textFact(span.facts, [MCP_METHOD]) ?? '')
}
