import { defineConfig, type TestProjectConfiguration } from 'vitest/config'

const here = import.meta.dirname

// Packages are tested from their sources, with no build. Not 'module': @opentelemetry/api 1.9 has a build under that
// condition which Node.js cannot load. Nor 'import': it would reach require(), too, which pg cannot take.
const conditions = ['waybill-source', 'node']

/** One suite, two OpenTelemetry generations: `root` and `dedupe` make all code of a cell share that cell's API. */
function otelCell(line: 2 | 3, include: string[]): TestProjectConfiguration {
  const root = `${here}/integration-tests/otel-sdk-${line}`
  return {
    extends: true,
    root,
    resolve: { dedupe: ['@opentelemetry/api'], alias: { '#otel-sdk': `${root}/sdk.ts` } },
    test: {
      name: `otel-sdk-${line}`,
      dir: here,
      include: ['packages/*/test/**/*.otel.test.ts', ...include],
      globalSetup: [`${here}/integration-tests/brokers-setup.ts`],
      fileParallelism: false,
      hookTimeout: 180_000,
      testTimeout: 30_000,
      sequence: { groupOrder: line },
    },
  }
}

export default defineConfig({
  ssr: { resolve: { conditions } },
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: [
            '{packages,examples}/*/test/**/*.test.ts',
            '{brokers,benchmarks,scripts}/test/**/*.test.ts',
          ],
          exclude: ['**/*.otel.test.ts', '**/node_modules/**'],
          sequence: { groupOrder: 1 },
        },
      },
      otelCell(2, ['integration-tests/conformance/*.it.ts']),
      otelCell(3, ['integration-tests/**/*.it.ts']),
    ],
  },
})
