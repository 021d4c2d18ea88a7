import { bareHost, exchange } from './exchange.ts'

const protocolHeader = Buffer.from('AMQP\x00\x00\x09\x01', 'latin1')

/**
 * The start of an AMQP 0-9-1 handshake: header out, Connection.Start back, whose server properties name the version.
 * RabbitMQ sends it only when it takes connections; its log lines differ from image to image.
 */
export async function greetAmqp(url: string): Promise<string> {
  const { protocol, hostname, port } = new URL(url)
  const secure = protocol === 'amqps:'
  const address = { host: bareHost(hostname), port: Number(port || (secure ? 5671 : 5672)), secure }
  return exchange(address, protocolHeader, (received) => {
    const frame = readMethodFrame(received)
    return frame && serverVersion(frame)
  })
}

const FRAME_HEADER = 7 // type, channel, size
const METHOD = 1

function readMethodFrame(received: Buffer): Buffer | undefined {
  if (received.length > 0 && received[0] !== METHOD) {
    throw new Error(`not an AMQP method frame: ${JSON.stringify(received.toString('latin1', 0, 8))}`)
  }
  if (received.length < FRAME_HEADER) return undefined
  const size = received.readUInt32BE(3)
  if (received.length < FRAME_HEADER + size) return undefined
  return received.subarray(FRAME_HEADER, FRAME_HEADER + size)
}

/** `product version` out of Connection.Start; only the version where the product is RabbitMQ. */
export function serverVersion(start: Buffer): string {
  if (start.readUInt16BE(0) !== 10 || start.readUInt16BE(2) !== 10) throw new Error('not Connection.Start')
  const properties = readTable(start, 6) // after class, method, version-major, version-minor
  const version = properties.get('version') ?? 'of unknown version'
  const product = properties.get('product') ?? 'AMQP broker'
  return product === 'RabbitMQ' ? version : `${version} (${product})`
}

/** The string fields of a field table; nested tables and flags are stepped over. */
function readTable(buffer: Buffer, start: number): Map<string, string> {
  const fields = new Map<string, string>()
  const end = start + 4 + buffer.readUInt32BE(start)
  let at = start + 4
  while (at < end) {
    const keyEnd = at + 1 + buffer[at]!
    const key = buffer.toString('utf8', at + 1, keyEnd)
    const type = String.fromCharCode(buffer[keyEnd]!)
    at = keyEnd + 1
    if (type === 'S' || type === 'F' || type === 'x' || type === 'A') {
      const length = buffer.readUInt32BE(at)
      if (type === 'S') fields.set(key, buffer.toString('utf8', at + 4, at + 4 + length))
      at += 4 + length
    } else {
      const size = fixedSizes[type]
      if (size === undefined) throw new Error(`field type ${type} in server properties`)
      at += size
    }
  }
  return fields
}

const fixedSizes: Record<string, number> = {
  t: 1, b: 1, B: 1, s: 2, u: 2, I: 4, i: 4, f: 4, l: 8, L: 8, d: 8, T: 8, D: 5, V: 0,
} // prettier-ignore
