import type { Reporter, TestCase, TestModule } from 'vitest/node'

/** How one case went on each OpenTelemetry generation: `✓` passed, `✗` failed, `-` skipped. */
type Marks = Record<string, string>

const MARKS: Record<string, string> = { passed: '✓', failed: '✗', skipped: '-' }

/** Prints, for every broker with its version, the cases of the conformance suite and how they went. */
export default class ConformanceReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const brokers = new Map<string, Map<string, Marks>>()
    for (const module of modules) {
      for (const test of module.children.allTests()) record(brokers, test)
    }
    for (const [broker, cases] of brokers) {
      const lines = [...new Set([...cases.values()].flatMap(Object.keys))]
      console.log(`\n${broker}, on ${lines.join(' and ')}`)
      for (const [name, marks] of cases)
        console.log(`  ${lines.map((line) => marks[line] ?? ' ').join('')} ${name}`)
    }
  }
}

function record(brokers: Map<string, Map<string, Marks>>, test: TestCase): void {
  const { parent } = test
  if (!/ conformance: /.test(test.name)) return
  // A broker that is not there has no suite around its one skipped test.
  const [broker = '', line = ''] = parent.type === 'suite' ? parent.name.split(', ') : ['not run', '']
  const cases = brokers.get(broker) ?? new Map<string, Marks>()
  brokers.set(broker, cases)
  cases.set(test.name, { ...cases.get(test.name), [line]: MARKS[test.result().state] ?? '?' })
}
