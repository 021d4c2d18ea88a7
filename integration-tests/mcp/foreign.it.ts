import { readFileSync } from 'node:fs'
import path from 'node:path'
import { SpanKind } from '@opentelemetry/api'
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js'
import { describe, expect, test } from 'vitest'
import { inSpan, telemetryOfTest } from './telemetry-of-test.ts'
import { wirings, type Wired } from './wirings.ts'

/** A message that the real package wrote to call a tool, recorded in memory between peers of SDK 1.32.2. */
interface Recorded {
  readonly params: { readonly name: string; readonly arguments: {}; readonly _meta?: {} }
}
const recorded = (name: string): Recorded =>
  JSON.parse(readFileSync(path.join(import.meta.dirname, 'recorded', `${name}.json`), 'utf8')) as Recorded

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const traceparent = (span: string): string => `00-${TRACE}-${span}-01`

async function callWith(
  { client }: Wired,
  params: { name: string; arguments?: {}; _meta?: {} },
): Promise<string> {
  const result = client instanceof Client1 ? await client.callTool(params) : await client.callTool(params)
  return (result.content as { text?: string }[])[0]?.text ?? ''
}

describe.each(wirings.filter(({ name }) => !name.includes('stdio')))('$name', ({ wire }) => {
  const seen = telemetryOfTest()
  const served = (tool: string) =>
    seen.named(`tools/call ${tool}`).filter(({ kind }) => kind === SpanKind.SERVER)

  // As Strands does it: the context is merged into `_meta` of the tool's own arguments.
  test('agents-10: _meta in the arguments is used, and gone before a strict schema sees it', async () => {
    const wired = await wire({ client: false })
    const sent = Object.freeze({
      query: 'ships',
      _meta: Object.freeze({ traceparent: traceparent('b'.repeat(16)) }),
    })
    expect(await callWith(wired, { name: 'strict', arguments: sent })).toBe('ships')
    await wired.close()
    const [span] = served('strict')
    expect(span?.parentSpanContext).toMatchObject({ traceId: TRACE, spanId: 'b'.repeat(16) })
    expect(seen.named('look up ships')[0]?.parentSpanContext?.spanId).toBe(span?.spanContext().spanId)
  })

  test('agents-10: an argument of that name that is no context is the business of the tool', async () => {
    const wired = await wire({ client: false })
    expect(
      await callWith(wired, { name: 'strict', arguments: { query: 'ships', _meta: { page: 2 } } }),
    ).toMatch(/_meta/)
    await wired.close()
  })

  test.each([
    ['strands-sdk-1.19.0', 'a9137eec2c26a80e0978a91886009f46', '5d51e6848215891d'],
    ['dd-trace-6.21.0', '6b06f6c40000000042f0c3aa4e503f45', '5f44a060d74aa3bd'],
    // DD_TRACE_PROPAGATION_STYLE_INJECT=datadog: decimal ids only.
    ['dd-trace-6.21.0-datadog-style', '6b06f6c300000000098cf0ca08643fc4', '27db93ad4efeeaf9'],
  ])('agents-10: what %s writes is continued', async (name, traceId, spanId) => {
    const { params } = recorded(name)
    const wired = await wire({ client: false })
    expect(
      await callWith(wired, { ...params, name: 'strict', arguments: { query: 'q', ...params.arguments } }),
    ).toMatch(/^(q|ships)$/)
    await wired.close()
    expect(served('strict')[0]?.parentSpanContext).toMatchObject({ traceId, spanId, traceFlags: 1 })
  })

  test('agents-10: each is left alone where it is switched off', async () => {
    const wired = await wire({ client: false, server: { foreignCarriers: [] } })
    const { params } = recorded('dd-trace-6.21.0')
    await callWith(wired, { ...params, name: 'search', arguments: { query: 'q' } })
    const inArguments = { query: 'q', _meta: { traceparent: traceparent('b'.repeat(16)) } }
    expect(await callWith(wired, { name: 'strict', arguments: inArguments })).toMatch(/_meta/)
    await wired.close()
    expect(served('search')[0]?.parentSpanContext).toBeUndefined()
    expect(served('strict')[0]?.parentSpanContext).toBeUndefined()
  })

  test('agents-10: W3C wins over the others', async () => {
    const wired = await wire()
    await inSpan('agent run', () =>
      callWith(wired, {
        name: 'strict',
        arguments: { query: 'ships', _meta: { traceparent: traceparent('b'.repeat(16)) } },
        _meta: { _dd_trace_context: { traceparent: traceparent('d'.repeat(16)) } },
      }),
    )
    await wired.close()
    const [client] = seen.named('tools/call strict').filter(({ kind }) => kind === SpanKind.CLIENT)
    expect(served('strict')[0]?.parentSpanContext?.spanId).toBe(client?.spanContext().spanId)
  })

  test.each([
    ['text', 'garbage'],
    ['a number', 7],
    ['nothing', null],
    ['a long text', { 'x-datadog-trace-id': '9'.repeat(1_000_000), traceparent: 'x'.repeat(1_000_000) }],
  ])('agents-10: of %s there the call does not suffer', async (_, context) => {
    const wired = await wire({ client: false })
    expect(
      await callWith(wired, {
        name: 'search',
        arguments: { query: 'ships' },
        _meta: { _dd_trace_context: context },
      }),
    ).toBe('none')
    await wired.close()
    expect(served('search')[0]?.parentSpanContext).toBeUndefined()
  })
})
