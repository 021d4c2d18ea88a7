import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { isContent } from '../src/sensitive/content.ts'

const file = path.join(import.meta.dirname, '../../../docs/collector/sensitive-content.yaml')
const config = readFileSync(file, 'utf8')

/** The patterns by which the collector deletes attributes of spans and log records. */
function patterns(what: 'span' | 'log'): RegExp[] {
  const found = [
    ...config.matchAll(new RegExp(`delete_matching_keys\\(${what}\\.attributes, "(.*)"\\)`, 'g')),
  ]
  return found.map(([, pattern = '']) => new RegExp(pattern.replaceAll('\\\\', '\\')))
}

const KEYS = [
  'gen_ai.input.messages',
  'gen_ai.output.messages',
  'gen_ai.system_instructions',
  'gen_ai.tool.call.arguments',
  'gen_ai.tool.call.result',
  'gen_ai.tool.call.id',
  'gen_ai.retrieval.query.text',
  'gen_ai.retrieval.documents',
  'gen_ai.prompt',
  'gen_ai.prompt.0.content',
  'gen_ai.prompt.name',
  'gen_ai.completion.12.tool_calls.0.arguments',
  'gen_ai.usage.input_tokens',
  'traceloop.entity.input',
  'traceloop.entity.name',
  'input.value',
  'output.value',
  'input.mime_type',
  'llm.input_messages.0.message.content',
  'llm.output_messages',
  'llm.prompts',
  'llm.model_name',
  'retrieval.documents.0.document.content',
  'reranker.input_documents.0.document.content',
  'tool.parameters',
  'ai.prompt.messages',
  'ai.response.text',
  'ai.response.model',
  'ai.toolCall.args',
  'app.agent.role',
]

test('the collector and the guard take the same attributes for content', () => {
  expect(patterns('span').length).toBeGreaterThan(0)
  for (const what of ['span', 'log'] as const) {
    const deleted = KEYS.filter((key) => patterns(what).some((pattern) => pattern.test(key)))
    expect(deleted).toEqual(KEYS.filter(isContent))
  }
})

test('agents-33: the collector drops what carries the boolean', () => {
  expect(config).toContain('spanevent.attributes["sensitive"] == true\n')
  expect(config).toContain('log.attributes["sensitive"] == true\n')
})
