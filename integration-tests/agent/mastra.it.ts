import { Mastra } from '@mastra/core'
import { Agent } from '@mastra/core/agent'
import { createTool } from '@mastra/core/tools'
import { Observability } from '@mastra/observability'
import { OtelBridge } from '@mastra/otel-bridge'
import { activeToolSpan } from '@waybill/agent'
import { MockLanguageModelV3 } from 'ai/test'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { CARRIED, hasRedis, toolScenario, type ToolScenario } from './tool-scenario.ts'

const usage = (input: number, output: number) => ({
  inputTokens: { total: input, noCache: input, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: output, text: output, reasoning: 0 },
})

function scriptedModel() {
  return new MockLanguageModelV3({
    doGenerate: [
      {
        content: [{ type: 'tool-call', toolCallId: 'c1', toolName: 'search', input: '{"query":"moon"}' }],
        finishReason: { unified: 'tool-calls', raw: undefined },
        usage: usage(100, 10),
        warnings: [],
      },
      {
        content: [{ type: 'text', text: 'cheese' }],
        finishReason: { unified: 'stop', raw: undefined },
        usage: usage(200, 20),
        warnings: [],
      },
    ],
  })
}

describe.skipIf(!hasRedis)('Mastra', () => {
  let scenario: ToolScenario
  beforeEach(() => {
    scenario = toolScenario()
  })
  afterEach(() => scenario.close())
  const ask = async (execute: (input: { query: string }) => Promise<string>, bridged: boolean) => {
    const search = createTool({
      id: 'search',
      description: 'searches',
      inputSchema: z.object({ query: z.string() }),
      execute,
    })
    const asker = new Agent({
      id: 'asker',
      name: 'asker',
      instructions: 'answer',
      // Its types ask for more than the mock of the AI SDK has.
      model: scriptedModel() as never,
      tools: { search },
    })
    const observability = new Observability({
      configs: { default: { serviceName: 'test', bridge: new OtelBridge() } },
    })
    const mastra = new Mastra({ agents: { asker }, logger: false, ...(bridged && { observability }) })
    const { text } = await scenario.run(() => mastra.getAgent('asker').generate('why?'))
    await mastra.shutdown?.()
    expect(text).toBe('cheese')
    expect(await scenario.carried()).toEqual([CARRIED])
    const published = scenario.spans.find(({ name }) => name.startsWith('xadd '))
    const parent = published?.parentSpanContext?.spanId
    return scenario.spans.filter((span) => span.spanContext().spanId === parent).map(({ name }) => name)
  }

  test('agents-23: a publish inside a tool nests under the tool span (Mastra with its own bridge)', async () => {
    expect(await ask(({ query }) => scenario.publish(query), true)).toEqual(['execute_tool search'])
    // One span of Mastra's covers all calls of a run; what its agent's span repeats is not counted again.
    expect(scenario.spans.at(-1)?.attributes).toMatchObject({
      'app.agent.usage.self.input_tokens': 300,
      'app.agent.usage.self.calls': 1,
    })
  })

  test('agents-23: a publish inside a tool nests under the tool span (Mastra without it, activeToolSpan)', async () => {
    const execute = activeToolSpan('search', ({ query }: { query: string }) => scenario.publish(query))
    expect(await ask(execute, false)).toEqual(['execute_tool search'])
    expect(scenario.tree('gen_ai.tool.call.id')).toContain('execute_tool search [gen_ai.tool.call.id=c1]')
  })
})
