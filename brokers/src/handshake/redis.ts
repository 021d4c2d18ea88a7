import { type Address, bareHost, exchange } from './exchange.ts'

/** PING and INFO: resolves with the server's version once it serves commands, i.e. has loaded its data. */
export async function greetRedis(url: string): Promise<string> {
  const { address, username, password } = parseRedisUrl(url)
  const auth = password === '' ? [] : [['AUTH', ...(username === '' ? [] : [username]), password]]
  const commands = [...auth, ['PING'], ['INFO', 'server']]
  return exchange(address, Buffer.concat(commands.map(command)), (received) => {
    const replies = readReplies(received)
    const refused = replies.find((reply) => reply.startsWith('-'))
    if (refused !== undefined) throw new Error(`Redis refuses: ${refused.slice(1)}`)
    return replies.length < commands.length ? undefined : redisVersion(replies.at(-1)!)
  })
}

/** Sends commands on a connection of its own; a refusal is a reply that begins with `-`. */
export function askRedis(url: string, commands: readonly string[][]): Promise<string[]> {
  return exchange(parseRedisUrl(url).address, Buffer.concat(commands.map(command)), (received) => {
    const replies = readReplies(received)
    return replies.length < commands.length ? undefined : replies
  })
}

/** From the text of INFO. Valkey calls itself compatible with a Redis version, which is not what runs. */
export function redisVersion(info: string): string {
  const field = (name: string) => info.match(new RegExp(`^${name}:(.*?)\\r?$`, 'm'))?.[1]
  const valkey = field('valkey_version')
  const version = valkey === undefined ? field('redis_version') : `${valkey} (Valkey)`
  if (version === undefined) throw new Error('INFO server names no redis_version')
  return version
}

function parseRedisUrl(url: string): { address: Address; username: string; password: string } {
  const { protocol, hostname, port, username, password } = new URL(url)
  return {
    address: { host: bareHost(hostname), port: Number(port || 6379), secure: protocol === 'rediss:' },
    username: decodeURIComponent(username),
    password: decodeURIComponent(password),
  }
}

function command(words: string[]): Buffer {
  return Buffer.from(
    `*${words.length}\r\n${words.map((w) => `$${Buffer.byteLength(w)}\r\n${w}\r\n`).join('')}`,
  )
}

/** The complete ones of a row of simple strings, errors (with their `-`) and bulk strings: all that we ask for. */
function readReplies(received: Buffer): string[] {
  const replies: string[] = []
  let at = 0
  while (at < received.length) {
    const end = received.indexOf('\r\n', at)
    if (end < 0) break
    const line = received.toString('utf8', at, end)
    at = end + 2
    if (line.startsWith('$')) {
      const length = Number(line.slice(1))
      if (received.length < at + length + 2) break
      replies.push(received.toString('utf8', at, at + length))
      at += length + 2
    } else if (line.startsWith('+') || line.startsWith('-')) {
      replies.push(line)
    } else {
      throw new Error(`not an answer of Redis: ${JSON.stringify(line.slice(0, 40))}`)
    }
  }
  return replies
}
