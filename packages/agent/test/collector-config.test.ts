import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
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

/** The part of a collector's configuration that is checked. */
interface Config {
  readonly receivers: object
  readonly processors: {
    readonly 'filter/sensitive': object
    readonly 'transform/content': Record<'error_mode' | 'trace_statements' | 'log_statements', string[]>
  }
  readonly exporters: object
  readonly service: {
    readonly pipelines: Record<string, Record<'receivers' | 'processors' | 'exporters', string[]>>
  }
}
const { service, ...parts } = parse(config) as Config

test('agents-33: the collector drops span events and log events whose sensitive is the boolean, and goes on at errors', () => {
  expect(parts.processors['filter/sensitive']).toEqual({
    error_mode: 'ignore',
    trace_conditions: ['spanevent.attributes["sensitive"] == true'],
    log_conditions: ['log.attributes["sensitive"] == true'],
  })
})

test('agents-33: traces and logs both go through the filter, and then through what takes out attributes', () => {
  expect(Object.keys(service.pipelines)).toEqual(['traces', 'logs'])
  for (const pipeline of Object.values(service.pipelines)) {
    expect(pipeline.processors).toEqual(['filter/sensitive', 'transform/content'])
    for (const kind of ['receivers', 'processors', 'exporters'] as const) {
      expect(pipeline[kind].length).toBeGreaterThan(0)
      for (const name of pipeline[kind]) expect(Object.keys(parts[kind])).toContain(name)
    }
  }
})

test('the statements of the collector are calls that it knows, with patterns that RE2 takes', () => {
  const { error_mode, trace_statements, log_statements } = parts.processors['transform/content']
  expect(error_mode).toBe('ignore')
  const statement = (of: string) =>
    new RegExp(`^delete_matching_keys\\((${of})\\.attributes, "\\^[^"]+\\$"\\)$`)
  for (const text of trace_statements) expect(text).toMatch(statement('span|spanevent'))
  for (const text of log_statements) expect(text).toMatch(statement('log'))
  // The same for spans, their events and log records.
  const patternsOf = (what: string) =>
    [...trace_statements, ...log_statements]
      .filter((text) => text.includes(`(${what}.`))
      .map((text) => text.slice(text.indexOf('"')))
  expect(patternsOf('spanevent')).toEqual(patternsOf('span'))
  expect(patternsOf('log')).toEqual(patternsOf('span'))
  // RE2 has neither look-around nor back-references.
  for (const pattern of patternsOf('span')) expect(pattern).not.toMatch(/\(\?[=!<]|\\\\[1-9]/)
})
