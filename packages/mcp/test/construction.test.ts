import { traceMcp, traceTool } from '@waybill/mcp'
import { describe, expect, test } from 'vitest'

const peer = () => ({ connect: () => Promise.resolve(), setRequestHandler: () => undefined })

describe('what traceMcp refuses', () => {
  test.each([
    ['nothing', undefined, 'undefined'],
    ['a transport', { start() {}, send() {} }, 'an object'],
    ['something else that connects', { connect() {} }, 'an object'],
  ])('%s', (_, value, got) => {
    expect(() => traceMcp(value as never)).toThrow(
      `@waybill/mcp: traceMcp() expected a Client, Server or McpServer of the MCP SDK, got ${got}. Pass the object on which you call connect().`,
    )
  })

  test.each([
    ['an unknown option', { clientSpans: 'auto' }, 'options among'],
    ['an option that only messages have', { relation: 'link' }, 'options among'],
    ['a wrong value', { clientSpan: 'sometimes' }, "option clientSpan to be 'auto', 'always' or 'never'"],
    ['a wrong list', { baggageTo: 'tools.example.com' }, 'option baggageTo to be an array of strings'],
    ['a wrong trust', { trust: 'maybe' }, "option trust to be 'continue', 'link', 'ignore' or a function"],
    ['a recorder that is none', { recordContent: true }, 'option recordContent to be a function'],
    ['no options', null, 'an options object'],
  ])('%s', (_, options, expected) => {
    expect(() => traceMcp(peer(), options as never)).toThrow(expected)
    expect(() => traceMcp(peer(), options as never)).toThrow('@waybill/mcp: traceMcp()')
  })

  test('frozen options are fine', () => {
    const given = peer()
    expect(traceMcp(given, Object.freeze({ trust: 'link' as const }))).toBe(given)
  })
})

describe('what traceTool refuses', () => {
  test('anything but a function', () => {
    expect(() => traceTool('search' as never, { name: 'search' })).toThrow('a handler function, got "search"')
  })

  test('a tool without a name', () => {
    expect(() => traceTool(() => undefined, {} as never)).toThrow('the name of the tool, got undefined')
    expect(() => traceTool(() => undefined, { name: 'a', trusts: 1 } as never)).toThrow('options among')
  })
})
