import { textFact, numberFact } from '../model/facts.ts'
import type { Span } from '../model/span.ts'

/** Tokens of one or more calls of a model. */
export interface Tokens {
  readonly input: number
  readonly output: number
  /** Part of `input`. */
  readonly cacheRead: number
  /** Part of `input`. */
  readonly cacheCreation: number
}

export const NO_TOKENS: Tokens = { input: 0, output: 0, cacheRead: 0, cacheCreation: 0 }

/** Names by generation and instrumentation, first present wins. */
const KEYS: Readonly<Record<keyof Tokens, readonly string[]>> = {
  input: [
    'gen_ai.usage.input_tokens',
    'llm.token_count.prompt',
    'gen_ai.usage.prompt_tokens',
    'llm.usage.prompt_tokens',
  ],
  output: [
    'gen_ai.usage.output_tokens',
    'llm.token_count.completion',
    'gen_ai.usage.completion_tokens',
    'llm.usage.completion_tokens',
  ],
  cacheRead: [
    'gen_ai.usage.cache_read.input_tokens',
    'llm.token_count.prompt_details.cache_read',
    'gen_ai.usage.cache_read_input_tokens',
  ],
  cacheCreation: [
    'gen_ai.usage.cache_creation.input_tokens',
    'llm.token_count.prompt_details.cache_write',
    'gen_ai.usage.cache_creation_input_tokens',
  ],
}
const MODEL = ['gen_ai.response.model', 'gen_ai.request.model', 'llm.model_name']
/** What the provider itself said that the call cost. */
const COST = ['gen_ai.usage.cost', 'llm.cost.total']
const ROLE = ['app.agent.role']
const AGENT = ['gen_ai.agent.name', 'agent.name']

export const USAGE_KEYS: ReadonlySet<string> = new Set(
  [...Object.values(KEYS), MODEL, COST, ROLE, AGENT].flat(),
)

/** What the span says of tokens; `undefined` if nothing. */
export function tokensOf({ facts }: Span): Tokens | undefined {
  const of = (keys: readonly string[]): number | undefined => {
    for (const key of keys) {
      const value = numberFact(facts, key)
      if (value !== undefined) return Math.max(0, value)
    }
    return undefined
  }
  const [input, output] = [of(KEYS.input), of(KEYS.output)]
  if (input === undefined && output === undefined) return undefined
  return {
    input: input ?? 0,
    output: output ?? 0,
    cacheRead: of(KEYS.cacheRead) ?? 0,
    cacheCreation: of(KEYS.cacheCreation) ?? 0,
  }
}

export function modelOf({ facts }: Span): string {
  return textFact(facts, MODEL) ?? 'unknown model'
}

export function reportedCost({ facts }: Span): number | undefined {
  for (const key of COST) {
    const value = numberFact(facts, key)
    if (value !== undefined) return value
  }
  return undefined
}

export function roleOf({ facts }: Span): string | undefined {
  return textFact(facts, ROLE)
}

export function agentName(span: Span): string {
  return textFact(span.facts, AGENT) ?? span.name
}

export function add(a: Tokens, b: Tokens): Tokens {
  return {
    input: a.input + b.input,
    output: a.output + b.output,
    cacheRead: a.cacheRead + b.cacheRead,
    cacheCreation: a.cacheCreation + b.cacheCreation,
  }
}
