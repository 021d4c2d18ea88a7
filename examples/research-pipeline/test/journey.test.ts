import { expect, test } from 'vitest'
import { journeyOf } from '../src/spans/journey.ts'
import { spanKinds } from '../src/spans/span.ts'
import { madeSpan } from './made-span.ts'

const attributes = { 'gen_ai.operation.name': 'execute_tool', 'session.id': 's1' }
const call = madeSpan('call', { kind: spanKinds.client, attributes })
const served = madeSpan('served', { kind: spanKinds.server, parentSpanId: 'call', attributes })

test('a tool call counts if its server is below it in the same trace', () => {
  expect(journeyOf([call, served], 's1').toolCalls).toBe(1)
  expect(journeyOf([call, { ...served, traceId: 'two' }], 's1').toolCalls).toBe(0)
  expect(journeyOf([call, madeSpan('served', { kind: spanKinds.server, attributes })], 's1').toolCalls).toBe(
    0,
  )
  expect(journeyOf([call], 's1').toolCalls).toBe(0)
})

test('a span counts as of the session if it says that very one', () => {
  const foreign = madeSpan('foreign', { attributes: { 'session.id': 's2' } })
  expect(journeyOf([call, served, foreign, madeSpan('none')], 's1')).toMatchObject({
    spans: 4,
    spansWithSession: 2,
  })
})

test('each finding that was joined counts once', () => {
  const links = ['one', 'two', 'two'].map((spanId) => ({ traceId: 'one', spanId }))
  expect(journeyOf([madeSpan('join findings', { links })], 's1').joined).toBe(2)
  expect(journeyOf([madeSpan('other', { links })], 's1').joined).toBe(0)
})
