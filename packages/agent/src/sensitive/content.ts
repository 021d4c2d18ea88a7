/** Marks an event whose attributes are content. Boolean: a collector's filter does not see the text `"true"`. */
export const ATTR_SENSITIVE = 'sensitive'

/** Attributes that hold what people and models wrote, by the conventions and by the instrumentations in use. */
const CONTENT: readonly RegExp[] = [
  /^gen_ai\.(?:input\.messages|output\.messages|system_instructions)$/,
  /^gen_ai\.tool\.call\.(?:arguments|result)$/,
  /^gen_ai\.retrieval\.(?:query\.text|documents)$/,
  // OpenLLMetry and earlier conventions; `gen_ai.prompt.name` is no content.
  /^gen_ai\.(?:prompt|completion)(?:\.\d+\..*)?$/,
  /^traceloop\.entity\.(?:input|output)$/,
  // OpenInference
  /^(?:input|output)\.value$/,
  /^llm\.(?:input_messages|output_messages|prompts|prompt_template\.variables)(?:\.|$)/,
  /^(?:retrieval|reranker)\.(?:\w+\.)*(?:input_|output_)?documents(?:\.|$)/,
  /^(?:embedding\.embeddings\.\d+\.embedding\.text|tool\.parameters|tool_call\.function\.arguments)$/,
  // The AI SDK's own telemetry
  /^ai\.(?:prompt(?:\.|$)|response\.(?:text|object|toolCalls|reasoning)$|toolCall\.(?:args|result|input|output)$|values?$)/,
]

/** Answers by name: instrumentations use the same few hundred over and over. */
const known = new Map<string, boolean>()
const MAX_KNOWN = 2000

/** Whether an attribute of this name holds content. */
export function isContent(key: string): boolean {
  const answer = known.get(key)
  if (answer !== undefined) return answer
  const found = CONTENT.some((pattern) => pattern.test(key))
  if (known.size < MAX_KNOWN) known.set(key, found)
  return found
}

/** What stands for content: its size tells whether there was any, and how much. */
export function placeholder(value: unknown): string {
  if (typeof value === 'string') return `[removed: ${value.length} characters]`
  if (Array.isArray(value)) return `[removed: ${value.length} items]`
  return '[removed]'
}
