import { context, diag, DiagLogLevel, propagation } from '@opentelemetry/api'
import { afterEach, describe, expect, test } from 'vitest'
import { installSdk, type TestTelemetry } from '../../../integration-tests/telemetry.ts'
import { isAutoInstrumented, reportAutoInstrumented } from '../src/self-check.ts'
import { send } from '../src/send.ts'
import { resetWarnings } from '../src/testing.ts'
import { adapter } from './scenario.ts'

const sendOne = (telemetry = adapter()): void =>
  send(telemetry, { operation: 'send', destination: { name: 'jobs' } }, () => undefined)

describe('the self-check at first use', () => {
  let telemetry: TestTelemetry | undefined
  const lines: string[] = []
  const collect = (): void => {
    lines.length = 0
    const keep = (...parts: unknown[]): void => void lines.push(parts.map(String).join(' '))
    diag.setLogger(
      { error: keep, warn: keep, info: keep, debug: keep, verbose: keep },
      { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
    )
  }
  afterEach(async () => {
    await telemetry?.uninstall()
    telemetry = undefined
    diag.disable()
    resetWarnings()
  })

  test('says nothing when all is well', () => {
    telemetry = installSdk()
    sendOne()
    sendOne()
    expect(telemetry.warnings).toEqual([])
  })

  test('no SDK: once per process, with the cure', () => {
    collect()
    sendOne()
    sendOne()
    sendOne(adapter())
    expect(lines).toEqual([expect.stringContaining('No OpenTelemetry SDK is registered')])
  })

  test('no context manager', () => {
    telemetry = installSdk()
    context.disable()
    sendOne()
    expect(telemetry.warnings).toEqual([expect.stringContaining('setGlobalContextManager')])
  })

  test('a propagator that writes no traceparent', () => {
    telemetry = installSdk()
    propagation.disable()
    sendOne()
    expect(telemetry.warnings).toEqual([expect.stringContaining('writes no traceparent')])
  })

  test('an SDK that is registered with another, incompatible copy of the API', () => {
    const registry = globalThis as Record<symbol, unknown>
    const key = Symbol.for('opentelemetry.js.api.1')
    const before = registry[key]
    // An older copy: ours refuses to use what was registered with it, the diag logger included.
    registry[key] = { version: '1.0.0', trace: {}, diag: { warn: (line: string) => void lines.push(line) } }
    lines.length = 0
    try {
      sendOne()
      sendOne()
    } finally {
      registry[key] = before
    }
    expect(lines).toEqual([expect.stringContaining('another copy of @opentelemetry/api (1.0.0)')])
  })

  test('an instrumentation beside ours is named with its switch', () => {
    telemetry = installSdk()
    expect(isAutoInstrumented(Object.assign(() => undefined, { __wrapped: true }))).toBe(true)
    expect(isAutoInstrumented(() => undefined)).toBe(false)
    reportAutoInstrumented(diag, '@opentelemetry/instrumentation-kafkajs')
    expect(telemetry.warnings[0]).toContain("'@opentelemetry/instrumentation-kafkajs': { enabled: false }")
  })
})
