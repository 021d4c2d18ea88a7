import { expect, test } from 'vitest'
import { activeToolSpan, countedModel } from '../src/index.ts'

test('a tool function keeps arguments and result; what is no function or name is refused', () => {
  const add = activeToolSpan('add', (a: number, b: number) => a + b)
  expect(add(1, 2)).toBe(3)
  expect(() => activeToolSpan('add', { execute: add } as never)).toThrow(
    'activeToolSpan() expected the function that the tool executes, got an object. Wrap that function',
  )
  expect(() => activeToolSpan('', add)).toThrow('the name of a tool')
})

test.each([null, {}, 'gpt-5', { getResponse: () => undefined }])('%j is no model', (model) => {
  expect(() => countedModel(model as never)).toThrow('countedModel() expected a model of @openai/agents')
})

test('a counted model passes on what the model has besides, and its errors', async () => {
  const error = new Error('rate limit')
  const model = {
    name: 'm1',
    retries: 0,
    getResponse: async (): Promise<never> => Promise.reject(error),
    async *getStreamedResponse(): AsyncIterable<never> {
      yield await Promise.reject(error)
    },
    getRetryAdvice() {
      return this.retries
    },
  }
  const counted = countedModel(model)
  expect([counted.name, counted.getRetryAdvice()]).toEqual(['m1', 0])
  await expect(counted.getResponse()).rejects.toBe(error)
  await expect(Array.fromAsync(counted.getStreamedResponse())).rejects.toBe(error)
})
