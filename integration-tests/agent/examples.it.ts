import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, inject, test } from 'vitest'

const brokers = inject('brokers')
const urlOf = (broker: keyof typeof brokers): string => {
  const running = brokers[broker]
  return 'url' in running ? running.url : ''
}
const examples = path.resolve(import.meta.dirname, '../../examples')

async function run(name: string, environment: Record<string, string>): Promise<string[]> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--no-warnings', '--conditions=waybill-source', 'src/main.ts'],
    { cwd: path.join(examples, name), env: { ...process.env, ...environment }, timeout: 25_000 },
  )
  return stdout.trimEnd().split('\n')
}
const agentsIn = (lines: readonly string[]) =>
  lines.filter((line) => line.includes('invoke_agent')).map((line) => line.trim())

describe('the examples of agents', () => {
  test.skipIf(urlOf('rabbitmq') === '')('agents-16: runaway-delegation is stopped by the guard', async () => {
    const lines = await run('runaway-delegation', { AMQP_URL: urlOf('rabbitmq') })
    const said = (name: string, depth: number, caller: string, more = '') =>
      `invoke_agent ${name} [app.agent.delegation.depth=${depth} app.agent.caller=${caller}${more}]`
    expect(agentsIn(lines)).toEqual([
      'invoke_agent editor [app.agent.delegation.depth=0]',
      said('writer', 1, 'editor'),
      said('critic', 2, 'writer'),
      said('writer', 3, 'critic'),
      said('critic', 4, 'writer'),
      said('writer', 5, 'critic', ' error.type=DelegationDepthError'),
    ])
    // One tree: nothing else begins at the margin.
    expect(lines.filter((line) => /^\S/.test(line))).toEqual([
      'invoke_agent editor [app.agent.delegation.depth=0]',
      'stopped: agent writer, delegated by critic: delegation depth 5 is past maxDepth 4; it was not run',
    ])
  })

  test.skipIf(urlOf('redis') === '')(
    'agents-3: human-in-the-loop is one trace over elicitation, delayed job and restart, its wait no work',
    async () => {
      const lines = await run('human-in-the-loop', { REDIS_URL: urlOf('redis') })
      expect(lines.slice(0, 2)).toEqual(['ask: nobody there, the process ends', 'resume: paid'])
      expect(lines.at(-1)).toBe('traces: 1')
      expect(agentsIn(lines)).toEqual([
        'invoke_agent clerk [app.agent.delegation.depth=0]',
        'invoke_agent clerk [app.agent.delegation.depth=1 app.agent.caller=clerk]',
      ])
      expect(lines).toContain('    transit approvals [waybill.transit.scheduled_delay=0.4]')
      const [, total, work] = /payment: ([\d.]+) s, of it at work: ([\d.]+) s/.exec(lines.at(-2) ?? '') ?? []
      expect(Number(total) - Number(work)).toBeGreaterThan(0.4)
    },
  )
})
