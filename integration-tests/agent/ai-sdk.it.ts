import { contentGuard } from '@waybill/agent'
import type { RecordedSpan } from '@waybill/core/testing'
import { OpenTelemetry } from '@ai-sdk/otel'
import { generateText, stepCountIs, tool } from 'ai'
import { MockLanguageModelV4 } from 'ai/test'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { CARRIED, hasRedis, toolScenario, type ToolScenario } from './tool-scenario.ts'

const usage = (input: number, output: number) => ({
  inputTokens: { total: input, noCache: input, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: output, text: output, reasoning: 0 },
})

describe.skipIf(!hasRedis)('the AI SDK, as it is', () => {
  let scenario: ToolScenario
  beforeEach(() => {
    scenario = toolScenario()
  })
  afterEach(() => scenario.close())

  const ask = async (): Promise<readonly RecordedSpan[]> => {
    const model = new MockLanguageModelV4({
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
    const search = tool({
      description: 'searches',
      inputSchema: z.object({ query: z.string() }),
      execute: ({ query }) => scenario.publish(query),
    })
    const { text } = await scenario.run(() =>
      generateText({
        model,
        tools: { search },
        prompt: 'why?',
        stopWhen: stepCountIs(3),
        telemetry: { integrations: [new OpenTelemetry()] },
      }),
    )
    expect(text).toBe('cheese')
    expect(scenario.tree('gen_ai.usage.input_tokens')).toBe(
      [
        'invoke_agent asker',
        '  invoke_agent mock-model-id [gen_ai.usage.input_tokens=300]',
        '    step 1',
        '      chat mock-model-id [gen_ai.usage.input_tokens=100]',
        '      execute_tool search',
        '        xadd stream',
        '    step 2',
        '      chat mock-model-id [gen_ai.usage.input_tokens=200]',
      ].join('\n'),
    )
    expect(await scenario.carried()).toEqual([CARRIED])
    return scenario.spans
  }

  test('agents-23: a publish inside a tool nests under the tool span (AI SDK)', async () => {
    await ask()
  })

  test('agents-19: totals on its agent span are not added to what its calls used (AI SDK)', async () => {
    const spans = await ask()
    expect(spans.at(-1)?.attributes).toMatchObject({
      'app.agent.usage.self.input_tokens': 300,
      'app.agent.usage.self.output_tokens': 30,
      'app.agent.usage.self.calls': 2,
    })
  })

  test('agents-32: what the AI SDK writes of prompts, answers and tools by default, the guard takes out', async () => {
    const content = /why\?|cheese|moon/
    expect(JSON.stringify((await ask()).map(({ attributes }) => attributes))).toMatch(content)
    await scenario.close()
    const guard = contentGuard()
    scenario = toolScenario({ processors: [guard] })
    const spans = await ask()
    await guard.shutdown()
    expect(JSON.stringify(spans.map(({ attributes }) => attributes))).not.toMatch(content)
  })
})
