import { diag } from '@opentelemetry/api'
import { describe, expect, test } from 'vitest'
import { passes, recordDescriber } from '../src/record.ts'

describe('what is said of a record', () => {
  test.each([
    ['nothing by default', {}, { key: 'k', value: 'v' }, {}],
    ['a tombstone', {}, { key: 'k', value: null }, { 'kafka.message.tombstone': true }],
    ['no tombstone without a record', { messageKeys: true }, undefined, {}],
    ['a text key', { messageKeys: true }, { key: 'k', value: 'v' }, { 'kafka.message.key': 'k' }],
    ['a key in bytes', { messageKeys: true }, { key: Buffer.from('ä') }, { 'kafka.message.key': 'ä' }],
    ['no key that is no UTF-8', { messageKeys: true }, { key: Buffer.from([0xc3]) }, {}],
    ['no key that is none', { messageKeys: true }, { key: null, value: '' }, {}],
    ['what is made of a key', { messageKeys: () => 'x' }, { key: 'k' }, { 'kafka.message.key': 'x' }],
    ['nothing, if so it is made', { messageKeys: () => undefined }, { key: 'k' }, {}],
    ['the cluster, if told', { clusterId: 'c' }, undefined, { 'kafka.cluster.id': 'c' }],
  ])('%s', (_, options, record, expected) => {
    expect(recordDescriber(options, diag)(record)).toEqual(expected)
  })

  test('a function that throws gives no key', () => {
    const messageKeys = (): never => {
      throw new Error('x')
    }
    expect(recordDescriber({ messageKeys }, diag)({ key: 'k' })).toEqual({})
  })
})

test('a filter lets a topic pass, and lets all pass if it throws', () => {
  expect(passes(undefined, 't', diag)).toBe(true)
  expect(passes((topic) => topic === 't', 't', diag)).toBe(true)
  expect(passes((topic) => topic !== 't', 't', diag)).toBe(false)
  const broken = (): never => {
    throw new Error('x')
  }
  expect(passes(broken, 't', diag)).toBe(true)
})
