import { AIMessage, ToolMessage, type BaseMessage } from '@langchain/core/messages'
import { FakeListChatModel } from '@langchain/core/utils/testing'
import { tool } from '@langchain/core/tools'
import { MessagesAnnotation, StateGraph } from '@langchain/langgraph'
import { ToolNode } from '@langchain/langgraph/prebuilt'
import { SpanStatusCode } from '@opentelemetry/api'
import { activeToolSpan, agentMiddleware } from '@waybill/agent'
import { createAgent } from 'langchain'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { CARRIED, hasRedis, toolScenario, type ToolScenario } from './tool-scenario.ts'

/** A model's answer; the types of its usage depend on those of its content, so it is put in afterwards. */
const answer = (tokens: number, ...args: ConstructorParameters<typeof AIMessage>): AIMessage =>
  Object.assign(new AIMessage(...args), {
    usage_metadata: { input_tokens: tokens, output_tokens: tokens / 10, total_tokens: tokens * 1.1 },
    response_metadata: { model_name: 'm1' },
  })
const calling = () =>
  answer(100, {
    content: '',
    tool_calls: [{ id: 'c1', name: 'search', args: { query: 'moon' }, type: 'tool_call' }],
  })
const answering = () => answer(200, 'cheese')

/** LangChain's own fake, which asks for the tool once and then answers. */
class ScriptedModel extends FakeListChatModel {
  readonly answers = [calling(), answering()]
  constructor() {
    super({ responses: [''] })
  }
  override async _generate(_messages: BaseMessage[]) {
    const message = this.answers.shift() ?? answering()
    return { generations: [{ message, text: message.text }], llmOutput: {} }
  }
  override bindTools(): this {
    return this
  }
}

describe.skipIf(!hasRedis)('LangChain and LangGraph', () => {
  let scenario: ToolScenario
  beforeEach(() => {
    scenario = toolScenario()
  })
  afterEach(() => scenario.close())
  const searching = (execute: (input: { query: string }) => Promise<string>) =>
    tool(execute, { name: 'search', description: 'searches', schema: z.object({ query: z.string() }) })
  const question = { messages: [{ role: 'user', content: 'why?' }] }

  test('agents-23: without glue the publish hangs on the outer span (LangChain)', async () => {
    const agent = createAgent({
      model: new ScriptedModel(),
      tools: [searching(({ query }) => scenario.publish(query))],
    })
    await scenario.run(() => agent.invoke(question))
    expect(scenario.tree()).toBe('invoke_agent asker\n  xadd stream')
  })

  test('agents-23: a publish inside a tool nests under the tool span (LangChain, agentMiddleware)', async () => {
    const agent = createAgent({
      model: new ScriptedModel(),
      tools: [searching(({ query }) => scenario.publish(query))],
      middleware: [agentMiddleware()],
    })
    const { messages } = await scenario.run(() => agent.invoke(question))
    expect(messages.at(-1)?.text).toBe('cheese')
    expect(scenario.tree('gen_ai.tool.call.id')).toBe(
      'invoke_agent asker\n  execute_tool search [gen_ai.tool.call.id=c1]\n    xadd stream',
    )
    expect(await scenario.carried()).toEqual([CARRIED])
    expect(scenario.spans.at(-1)?.attributes).toMatchObject({
      'app.agent.usage.self.input_tokens': 300,
      'app.agent.usage.self.output_tokens': 30,
      'app.agent.usage.self.calls': 2,
    })
    expect(scenario.warnings).toEqual([])
  })

  test('agents-23: a publish inside a tool nests under the tool span (LangGraph, activeToolSpan)', async () => {
    const search = searching(
      activeToolSpan('search', ({ query }: { query: string }) => scenario.publish(query)),
    )
    const graph = new StateGraph(MessagesAnnotation)
      .addNode('tools', new ToolNode([search]))
      .addEdge('__start__', 'tools')
      .compile()
    await scenario.run(() => graph.invoke({ messages: [calling()] }))
    expect(scenario.tree('gen_ai.tool.call.id')).toBe(
      'invoke_agent asker\n  execute_tool search [gen_ai.tool.call.id=c1]\n    xadd stream',
    )
    expect(await scenario.carried()).toEqual([CARRIED])
  })

  test.each<[string, () => Promise<unknown>, string]>([
    ['throws', async () => Promise.reject(new RangeError('no index')), 'RangeError'],
    [
      'answers with an error',
      async () => new ToolMessage({ content: 'no index', tool_call_id: 'c1', status: 'error' }),
      'tool_error',
    ],
  ])('a tool that %s has it on its span', async (_how, failing, errorType) => {
    const agent = createAgent({
      model: new ScriptedModel(),
      tools: [searching(failing as () => Promise<string>)],
      middleware: [agentMiddleware()],
    })
    await scenario.run(() => agent.invoke(question).catch(() => undefined))
    const span = scenario.spans.find(({ name }) => name === 'execute_tool search')
    expect(span?.status.code).toBe(SpanStatusCode.ERROR)
    expect(span?.attributes['error.type']).toBe(errorType)
  })
})
