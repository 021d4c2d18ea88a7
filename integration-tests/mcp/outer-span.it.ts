import { SpanKind, trace, type Attributes } from '@opentelemetry/api'
import { traceTree } from '@waybill/core/testing'
import type { McpOptions } from '@waybill/mcp'
import { describe, expect, test } from 'vitest'
import { inSpan, telemetryOfTest, traceOf } from './telemetry-of-test.ts'
import { wirings } from './wirings.ts'

describe.each(wirings.filter(({ name }) => name.includes('in memory')))('$name', ({ wire }) => {
  const seen = telemetryOfTest()
  const inTool = async (client: McpOptions, attributes: Attributes, tool = 'search', calls = 1) => {
    const wired = await wire({ client })
    await inSpan('agent run', () =>
      trace.getTracer('framework').startActiveSpan('execute_tool', { attributes }, async (span) => {
        for (let i = 0; i < calls; i++) await wired.call(tool, { query: 'ships' })
        span.end()
      }),
    )
    await wired.close()
    return traceOf(seen.spans, 'agent run')
  }
  const execute = (tool: string) => ({ 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': tool })
  const covered = 'agent run\n  execute_tool\n    tools/call search\n      look up ships'
  const doubled =
    'agent run\n  execute_tool\n    tools/call search\n      tools/call search\n        look up ships'

  test("agents-14: below a framework's execute_tool there is no second span, it gets the attributes", async () => {
    const spans = await inTool({}, execute('search'))
    expect(traceTree(spans)).toBe(covered)
    const outer = spans.find(({ name }) => name === 'execute_tool')
    expect(outer?.kind).toBe(SpanKind.INTERNAL)
    expect(outer?.attributes).toMatchObject({
      'mcp.method.name': 'tools/call',
      'gen_ai.tool.name': 'search',
      'jsonrpc.request.id': '1',
      'mcp.protocol.version': '2025-11-25',
    })
    const points = await seen.telemetry.series('mcp.client.operation.duration')
    expect(points.filter(({ attributes }) => attributes['gen_ai.tool.name'] === 'search')).toHaveLength(1)
  })

  test('agents-14: a name with the server before it is the same tool; none is any tool', async () => {
    expect(traceTree(await inTool({}, execute('mcp__corpus__search')))).toBe(covered)
    seen.reset()
    expect(traceTree(await inTool({}, { 'gen_ai.operation.name': 'execute_tool' }))).toBe(covered)
  })

  test('agents-14: the error of the call is on it', async () => {
    const spans = await inTool({}, execute('refuse'), 'refuse')
    expect(spans.find(({ name }) => name === 'execute_tool')?.attributes['error.type']).toBe('tool_error')
  })

  test('agents-14: another tool, called from within, has a span of its own', async () => {
    expect(traceTree(await inTool({}, execute('research')))).toBe(doubled)
  })

  test('agents-14: a second call under the same span has one, too', async () => {
    const spans = await inTool({}, execute('search'), 'search', 2)
    expect(
      spans.filter(({ name, kind }) => name === 'tools/call search' && kind === SpanKind.CLIENT),
    ).toHaveLength(1)
    expect(
      spans.filter(({ name, kind }) => name === 'tools/call search' && kind === SpanKind.SERVER),
    ).toHaveLength(2)
  })

  test('agents-14: always gives a span, never gives none', async () => {
    expect(traceTree(await inTool({ clientSpan: 'always' }, execute('search')))).toBe(doubled)
    seen.reset()
    const spans = await inTool({ clientSpan: 'never' }, execute('search'))
    expect(traceTree(spans)).toBe(covered)
    expect(spans.find(({ name }) => name === 'execute_tool')?.attributes).toEqual(execute('search'))
  })

  test('agents-14: the span of a traced handler is not such a span', async () => {
    // A gateway: its own SERVER span says execute_tool as well.
    const [behind, front] = [await wire(), await wire()]
    await inSpan('agent run', () => front.call('search', { query: 'x' }))
    const serving = {
      attributes: { ...execute('search'), 'mcp.method.name': 'tools/call' },
      kind: SpanKind.SERVER,
    }
    await trace.getTracer('gateway').startActiveSpan('tools/call search', serving, async (span) => {
      await behind.call('search', { query: 'y' })
      span.end()
    })
    await Promise.all([front.close(), behind.close()])
    expect(seen.named('tools/call search').filter(({ kind }) => kind === SpanKind.CLIENT)).toHaveLength(2)
  })
})
