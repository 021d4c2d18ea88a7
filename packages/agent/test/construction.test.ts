import { expect, test } from 'vitest'
import manifest from '../package.json' with { type: 'json' }
import { createAgents, withAgentSpan } from '../src/index.ts'
import { VERSION } from '../src/version.ts'

test('the scope version is the package version', () => {
  expect(VERSION).toBe(manifest.version)
})

test.each([
  [null, 'createAgents() expected a settings object, got null'],
  [{ prefx: 'acme' }, 'got "prefx"'],
  [{ prefix: 'gen_ai.agent' }, 'option prefix to be a dotted name such as acme.agent, not under gen_ai'],
  [{ prefix: 'Acme agent' }, 'option prefix'],
  [{ semconvMode: 'gen_ai' }, "option semconvMode to be 'app' or 'both'"],
  [{ maxDepth: -1 }, 'option maxDepth to be a number from 0 to 999'],
  [{ maxDepth: 1.5 }, 'option maxDepth to be an integer'],
])('settings %o are refused', (settings, message) => {
  expect(() => createAgents(settings as never)).toThrow(message)
})

test.each([
  [undefined, 'withAgentSpan() expected an agent with a name'],
  [{}, 'got undefined'],
  [{ name: '' }, 'got ""'],
  [{ name: 'planner', rol: 'x' }, 'got "rol"'],
  [{ name: 'planner', role: 3 }, 'option role to be a string'],
  [{ name: 'planner', maxDepth: '3' }, 'option maxDepth to be an integer'],
])('an agent %o is refused', (options, message) => {
  expect(() => withAgentSpan(options as never, () => undefined)).toThrow(message)
})
