import { describe, expect, test } from 'vitest'
import { parseXadd } from '../src/xadd-arguments.ts'

const parsed = (...args: unknown[]) => {
  const call = parseXadd(args)
  return call && { key: call.key, head: call.head, fields: call.fields }
}

describe('the arguments of XADD', () => {
  test.each([
    [
      ['s', '*', 'a', '1'],
      ['s', '*'],
    ],
    [
      ['s', 'NOMKSTREAM', '*', 'a', '1'],
      ['s', 'NOMKSTREAM', '*'],
    ],
    [
      ['s', 'maxlen', 1000, '*', 'a', '1'],
      ['s', 'maxlen', 1000, '*'],
    ],
    [
      ['s', 'MAXLEN', '~', 1000, '*', 'a', '1'],
      ['s', 'MAXLEN', '~', 1000, '*'],
    ],
    [
      ['s', 'MAXLEN', '~', 1000, 'LIMIT', 10, '*', 'a', '1'],
      ['s', 'MAXLEN', '~', 1000, 'LIMIT', 10, '*'],
    ],
    [
      ['s', 'MINID', '=', '5-1', 'ACKED', '*', 'a', '1'],
      ['s', 'MINID', '=', '5-1', 'ACKED', '*'],
    ],
    [
      ['s', 'KEEPREF', 'IDMP', 'p', 'i', '*', 'a', '1'],
      ['s', 'KEEPREF', 'IDMP', 'p', 'i', '*'],
    ],
    [
      ['s', 'IDMPAUTO', 'p', '5-1', 'a', '1'],
      ['s', 'IDMPAUTO', 'p', '5-1'],
    ],
    [
      [Buffer.from('s'), '*', 'a', '1'],
      [Buffer.from('s'), '*'],
    ],
  ])('%o', (args, head) => {
    expect(parsed(...args)).toEqual({ key: 's', head, fields: ['a', '1'] })
  })

  test('arrays are flattened one level, as ioredis does', () => {
    expect(parsed('s', '*', ['a', '1', 'b', '2'])).toEqual({
      key: 's',
      head: ['s', '*'],
      fields: ['a', '1', 'b', '2'],
    })
  })

  test('a callback stays last', () => {
    const callback = (): void => undefined
    expect(parseXadd(['s', '*', 'a', '1', callback])?.tail).toEqual([callback])
  })

  test('a field called like an option word is a field', () => {
    expect(parsed('s', '*', 'MAXLEN', '1')?.fields).toEqual(['MAXLEN', '1'])
  })

  test('content that is the identity of the entry is told', () => {
    expect(parseXadd(['s', 'IDMPAUTO', 'p', '*', 'a', '1'])?.contentIsIdentity).toBe(true)
    expect(parseXadd(['s', 'IDMP', 'p', 'IDMPAUTO', '*', 'a', '1'])?.contentIsIdentity).toBe(false)
  })

  test.each([
    [[]],
    [['s']],
    [['s', '*']],
    [['s', '*', 'a']],
    [['s', '*', { a: 1 }]],
    [[undefined, '*', 'a', '1']],
  ])('%o does not parse', (args) => {
    expect(parseXadd(args)).toBeUndefined()
  })
})
