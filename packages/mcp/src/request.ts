import type { Attributes } from '@opentelemetry/api'
import {
  ATTR_JSONRPC_REQUEST_ID,
  ATTR_MCP_METHOD,
  ATTR_MCP_RESOURCE_URI,
  ATTR_OPERATION,
  ATTR_PROMPT_NAME,
  ATTR_TOOL_NAME,
  EXECUTE_TOOL,
} from './semconv.ts'
import type { McpMessage } from './types.ts'

/** Longest text of the other side that is taken over, in characters. */
const MAX_TEXT = 256

/** What a request is about. */
export interface RequestFacts {
  readonly method: string
  /** Name of the tool or prompt. Of a resource there is none: its URI would be a span name of its own. */
  readonly name: string | undefined
}

/** A record, whatever it holds; `undefined` for anything that is no plain object. */
export function recordOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined
}

/** A text of the other side, cut where it is longer than anybody reads. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value.slice(0, MAX_TEXT) : undefined
}

export function factsOf({ method, params }: McpMessage): RequestFacts {
  const named = method === 'tools/call' || method === 'prompts/get'
  return {
    method: textOf(method) ?? '',
    name: named ? textOf(recordOf(params)?.['name']) : undefined,
  }
}

/** What a tool is given. */
export function argumentsOf({ params }: McpMessage): unknown {
  return recordOf(params)?.['arguments']
}

export function spanName({ method, name }: RequestFacts): string {
  return name === undefined ? method : `${method} ${name}`
}

/** What spans and points both say of a request, and samplers want to know. */
export function creationAttributes({ method, name }: RequestFacts): Attributes {
  const attributes: Attributes = { [ATTR_MCP_METHOD]: method }
  if (method === 'tools/call') attributes[ATTR_OPERATION] = EXECUTE_TOOL
  if (name !== undefined) attributes[method === 'tools/call' ? ATTR_TOOL_NAME : ATTR_PROMPT_NAME] = name
  return attributes
}

/** What only a span says of a request. */
export function detailsOf({ id, params }: McpMessage): Attributes {
  const attributes: Attributes = {}
  if (id !== undefined && id !== null) attributes[ATTR_JSONRPC_REQUEST_ID] = String(id).slice(0, MAX_TEXT)
  const uri = textOf(recordOf(params)?.['uri'])
  if (uri !== undefined) attributes[ATTR_MCP_RESOURCE_URI] = uri
  return attributes
}
