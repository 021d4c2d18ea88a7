import { describe, expect, test } from 'vitest'
import { isPatched, patchMethod, unpatch } from '../src/patch.ts'

class Client {
  #name = 'client'
  greet(word: string): string {
    return `${word} ${this.#name}`
  }
}

const shout =
  (original: Client['greet']): Client['greet'] =>
  (word) =>
    original(word).toUpperCase()

describe('patchMethod', () => {
  test('replaces a method on one instance, bound to it', () => {
    const [client, other] = [new Client(), new Client()]
    expect(patchMethod(client, 'greet', shout)).toBe(true)
    expect(client.greet('hello')).toBe('HELLO CLIENT')
    expect(other.greet('hello')).toBe('hello client')
    expect(Object.keys(client)).toEqual([])
  })

  test('a second time is a no-op', () => {
    const client = new Client()
    patchMethod(client, 'greet', shout)
    expect(patchMethod(client, 'greet', () => () => 'twice')).toBe(false)
    expect(client.greet('hello')).toBe('HELLO CLIENT')
    expect(isPatched(client, 'greet')).toBe(true)
  })

  test('is undone by unpatch, for prototype methods and own ones', () => {
    const client = new Client()
    patchMethod(client, 'greet', shout)
    unpatch(client)
    expect(Object.hasOwn(client, 'greet')).toBe(false)
    expect(isPatched(client, 'greet')).toBe(false)
    const own = { greet: (word: string) => word }
    const { greet } = own
    patchMethod(own, 'greet', shout)
    unpatch(own)
    expect(own.greet).toBe(greet)
    unpatch({})
  })
})
