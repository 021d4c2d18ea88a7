import { describe, expect, test, vi } from 'vitest'
import { settle } from '../src/settle.ts'

describe('settle', () => {
  test('reports a returned value once and hands it on', () => {
    const done = vi.fn()
    expect(settle(() => 7, done)).toBe(7)
    expect(done.mock.calls).toEqual([[undefined, 7]])
  })

  test('reports a throw and rethrows the very same value', () => {
    const done = vi.fn()
    for (const thrown of [new Error('x'), 'text', undefined, null]) {
      let caught: unknown = 'nothing'
      try {
        settle(() => {
          throw thrown
        }, done)
      } catch (error) {
        caught = error
      }
      expect(caught).toBe(thrown)
      expect(done).toHaveBeenLastCalledWith({ error: thrown })
    }
  })

  test('reports a resolved promise', async () => {
    const done = vi.fn()
    await expect(settle(() => Promise.resolve('v'), done)).resolves.toBe('v')
    expect(done.mock.calls).toEqual([[undefined, 'v']])
  })

  test('reports a rejection, which stays unhandled unless the caller handles it', async () => {
    const done = vi.fn()
    const error = new Error('x')
    await expect(settle(() => Promise.reject(error), done)).rejects.toBe(error)
    expect(done.mock.calls).toEqual([[{ error }]])
  })
})
