import { expect, test } from 'vitest'
import { agentFigures } from '../src/spans/agents.ts'
import { agentReport } from '../src/waterfall/agent-report.ts'
import { madeSpan } from './made-span.ts'

function run(
  id: string,
  name: string,
  depth: number | undefined,
  more: Record<string, string | number> = {},
) {
  return madeSpan(id, {
    attributes: {
      'gen_ai.operation.name': 'invoke_agent',
      'gen_ai.agent.name': name,
      ...(depth !== undefined && { 'app.agent.delegation.depth': depth }),
      ...more,
    },
  })
}
const used = (input: number, output: number, cost: number) => ({
  'app.agent.role': 'specialist',
  'app.agent.caller': 'lead',
  'app.agent.usage.self.input_tokens': input,
  'app.agent.usage.self.output_tokens': output,
  'app.agent.cost.amount': cost,
  // An aggregate, which would count twice.
  'app.agent.usage.subtree.cost': 9,
})

const figures = agentFigures([
  run('b', 'worker', 1, used(10, 1, 0.1)),
  run('a', 'lead', 0, { 'app.agent.role': 'orchestrator' }),
  run('c', 'worker', 1, used(20, 2, 0.2)),
  run('d', 'worker', 2, { ...used(1, 1, 0.3), 'app.agent.caller': 'worker' }),
  run('e', 'by hand', undefined),
  madeSpan('f', { attributes: { 'app.agent.delegation.depth': 7 } }),
])

test('agents are told of once for each place in the delegation, the outermost first, with sums over their runs', () => {
  expect(figures).toEqual([
    { name: 'lead', role: 'orchestrator', depth: 0, runs: 1, inputTokens: 0, outputTokens: 0, costSelf: 0 },
    {
      name: 'worker',
      role: 'specialist',
      depth: 1,
      caller: 'lead',
      runs: 2,
      inputTokens: 30,
      outputTokens: 3,
      costSelf: 0.3,
    },
    {
      name: 'worker',
      role: 'specialist',
      depth: 2,
      caller: 'worker',
      runs: 1,
      inputTokens: 1,
      outputTokens: 1,
      costSelf: 0.3,
    },
  ])
})

test('the report sets agents in by their depth, and ends with the sum of their own costs', () => {
  expect(agentReport(figures).map((line) => line.trimEnd())).toEqual([
    'agent                  role          depth  asked by      runs  tokens in/out    own cost',
    'lead                   orchestrator      0                   1          0 / 0   $0.000000',
    '  worker               specialist        1  lead             2         30 / 3   $0.300000',
    '    worker             specialist        2  worker           1          1 / 1   $0.300000',
    'all agents                                                                      $0.600000',
  ])
})
