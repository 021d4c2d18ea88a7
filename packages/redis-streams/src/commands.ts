import { connectionOf } from './client.ts'

/** One word of a command. */
export type Word = string | Buffer

/** What a consumer needs of a client, of either kind: to send commands by name and to get replies as the server gave them. */
export interface Commands {
  /**
   * Sends a command whose first argument is a key.
   *
   * @param key with any prefix
   */
  send(name: string, key: string, ...words: Word[]): Promise<unknown>
}

/** A connection of our own, for reads that block. */
export interface Reader {
  /** Sends a command as it is. Values come as bytes on request. */
  send(key: string, words: readonly Word[], bytes?: boolean): Promise<unknown>
  close(): void
}

/** A client, as far as a consumer uses it. */
export interface ClientPort extends Commands {
  readonly keyPrefix: string
  /** Streams may lie on different nodes: one read cannot ask for all of them. */
  readonly isCluster: boolean
  /** @param onError hears of its connection; without a listener the clients print or throw */
  openReader(onError: (error: unknown) => void): Promise<Reader>
}

type Call = (name: string, ...args: Word[]) => Promise<unknown>

interface Ioredis {
  call: Call
  callBuffer: Call
  readonly isCluster?: boolean
  duplicate(...args: unknown[]): Ioredis & { disconnect(): void }
  on(event: 'error', listener: (error: unknown) => void): unknown
}

interface NodeRedis {
  sendCommand(...args: unknown[]): Promise<unknown>
  duplicate?(): NodeRedis
  connect(): Promise<unknown>
  destroy(): void
  on(event: 'error', listener: (error: unknown) => void): unknown
}

/** The port of a client of ioredis or node-redis, `undefined` if it is neither. */
export function portOf(client: unknown): ClientPort | undefined {
  const { call, duplicate, sendCommand, connect } = (client ?? {}) as Record<string, unknown>
  if (typeof call === 'function' && typeof duplicate === 'function') return ioredisPort(client as Ioredis)
  if (typeof sendCommand === 'function' && typeof connect === 'function')
    return nodeRedisPort(client as NodeRedis)
  return undefined
}

function ioredisPort(client: Ioredis): ClientPort {
  const { keyPrefix } = connectionOf(client)
  const isCluster = client.isCluster === true
  // Ours are whole keys; a time-out for commands would end reads that block, and pipelining would hold others up.
  const own = { keyPrefix: '', commandTimeout: undefined, enableAutoPipelining: false }
  return {
    keyPrefix,
    isCluster,
    // The client puts its prefix in front of the key.
    send: (name, key, ...words) => client.call(name, key.slice(keyPrefix.length), ...words),
    async openReader(onError) {
      const reader = isCluster ? client.duplicate(undefined, own) : client.duplicate(own)
      reader.on('error', onError)
      return {
        send: (_key, [name = '', ...words], bytes = false) =>
          bytes ? reader.callBuffer(String(name), ...words) : reader.call(String(name), ...words),
        close: () => {
          reader.disconnect()
        },
      }
    },
  }
}

/** Replies as strings, whatever the client's own type mapping is; or bulk strings (type 36) as bytes. */
const TEXT = { typeMapping: {} }
const BYTES = { typeMapping: { 36: Buffer } }

function nodeRedisPort(client: NodeRedis): ClientPort {
  const { keyPrefix } = connectionOf(client)
  const isCluster = 'masters' in client
  const sendTo = (
    target: NodeRedis,
    key: string,
    words: readonly Word[],
    bytes: boolean,
  ): Promise<unknown> => {
    const options = bytes ? BYTES : TEXT
    return isCluster ? target.sendCommand(key, false, words, options) : target.sendCommand(words, options)
  }
  return {
    keyPrefix,
    isCluster,
    send: (name, key, ...words) => sendTo(client, key, [name, key, ...words], false),
    async openReader(onError) {
      // A pool gives each command that waits a connection to itself, and has no duplicate.
      if (typeof client.duplicate !== 'function') {
        return {
          send: (key, words, bytes = false) => sendTo(client, key, words, bytes),
          close: () => undefined,
        }
      }
      const reader = client.duplicate()
      reader.on('error', onError)
      await reader.connect()
      return {
        send: (key, words, bytes = false) => sendTo(reader, key, words, bytes),
        close: () => {
          reader.destroy()
        },
      }
    },
  }
}
