import {
  Agent,
  run,
  setTracingDisabled,
  tool,
  Usage,
  type Model,
  type ModelResponse,
  type StreamEvent,
} from '@openai/agents-core'
import { activeToolSpan, countedModel } from '@waybill/agent'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { CARRIED, hasRedis, toolScenario, type ToolScenario } from './tool-scenario.ts'

setTracingDisabled(true)

/** A model that asks for the tool once and then answers. */
function scriptedModel(): Model {
  const answers: ModelResponse[] = [
    {
      usage: new Usage({ inputTokens: 100, outputTokens: 10, totalTokens: 110 }),
      output: [
        {
          type: 'function_call',
          callId: 'c1',
          name: 'search',
          arguments: '{"query":"moon"}',
          status: 'completed',
        },
      ],
    },
    {
      usage: new Usage({ inputTokens: 200, outputTokens: 20, totalTokens: 220 }),
      output: [
        {
          type: 'message',
          role: 'assistant',
          status: 'completed',
          content: [{ type: 'output_text', text: 'cheese' }],
        },
      ],
    },
  ]
  return {
    getResponse: async () => answers.shift()!,
    async *getStreamedResponse(): AsyncIterable<StreamEvent> {
      const { output } = answers.shift()!
      const [inputTokens, outputTokens] = [100, 10]
      yield {
        type: 'response_done',
        response: {
          id: 'r1',
          output: output as never,
          usage: { inputTokens, outputTokens, totalTokens: 110 },
        },
      }
    },
  }
}

describe.skipIf(!hasRedis)('OpenAI Agents', () => {
  let scenario: ToolScenario
  beforeEach(() => {
    scenario = toolScenario()
  })
  afterEach(() => scenario.close())
  const searching = (execute: (input: { query: string }) => Promise<string>) =>
    tool({ name: 'search', description: 'searches', parameters: z.object({ query: z.string() }), execute })
  const asker = (execute: (input: { query: string }) => Promise<string>, model: Model = scriptedModel()) =>
    new Agent({ name: 'asker', model, tools: [searching(execute)] })

  test('agents-23: without glue the publish hangs on the outer span (OpenAI Agents)', async () => {
    await scenario.run(() =>
      run(
        asker(({ query }) => scenario.publish(query)),
        'why?',
      ),
    )
    expect(scenario.tree()).toBe('invoke_agent asker\n  xadd stream')
  })

  test('agents-23: a publish inside a tool nests under the tool span (OpenAI Agents, activeToolSpan)', async () => {
    const execute = activeToolSpan('search', ({ query }: { query: string }) => scenario.publish(query))
    const result = await scenario.run(() => run(asker(execute), 'why?'))
    expect(result.finalOutput).toBe('cheese')
    expect(scenario.tree('gen_ai.tool.call.id')).toBe(
      'invoke_agent asker\n  execute_tool search [gen_ai.tool.call.id=c1]\n    xadd stream',
    )
    expect(await scenario.carried()).toEqual([CARRIED])
  })

  test('a tool that throws: the span has the error, the model gets its text', async () => {
    const execute = activeToolSpan('search', async (): Promise<string> => {
      throw new RangeError('no index')
    })
    const result = await scenario.run(() => run(asker(execute), 'why?'))
    expect(result.finalOutput).toBe('cheese')
    const span = scenario.spans.find(({ name }) => name === 'execute_tool search')
    expect(span?.attributes).toMatchObject({ 'error.type': 'RangeError' })
  })

  test.each([
    [false, 300],
    [true, 200],
  ])(
    'countedModel counts what the model used for the agent at work, streamed: %s',
    async (stream, tokens) => {
      const model = scriptedModel()
      const agent = asker(({ query }) => scenario.publish(query), countedModel(model, 'm1'))
      await scenario.run(async () => {
        if (!stream) return run(agent, 'why?')
        const streamed = await run(agent, 'why?', { stream: true })
        await streamed.completed
        return streamed
      })
      expect(scenario.spans.at(-1)?.attributes).toMatchObject({
        'app.agent.usage.self.input_tokens': tokens,
        'app.agent.usage.self.calls': 2,
      })
      expect(Object.keys(model)).toEqual(['getResponse', 'getStreamedResponse'])
      expect(scenario.warnings).toEqual([])
    },
  )
})
