import { type Address, bareHost, exchange } from './exchange.ts'

/**
 * ApiVersions and Metadata in one go: resolves once a live broker and a controller are known. A broker does not tell
 * its release, but since 3.3 the highest `metadata.version` that it supports, which gives away major and minor.
 */
export async function greetKafka(addresses: string): Promise<string> {
  const failures: string[] = []
  for (const address of parseKafkaAddresses(addresses)) {
    try {
      return await exchange(address, Buffer.concat([apiVersionsRequest, metadataRequest]), readAnswers)
    } catch (error) {
      failures.push((error as Error).message)
    }
  }
  throw new Error(failures.join('; '))
}

function parseKafkaAddresses(addresses: string): Address[] {
  return addresses.split(',').map((address) => {
    const [, host, port] = address.trim().match(/^(?:[A-Z_]+:\/\/)?(.+?):(\d+)$/) ?? []
    if (host === undefined) throw new Error(`not a host:port list: ${addresses}`)
    return { host: bareHost(host), port: Number(port) }
  })
}

const API_VERSIONS = 18
const METADATA = 3
const clientId = Buffer.from('waybill')

function request(apiKey: number, apiVersion: number, body: Buffer): Buffer {
  const head = Buffer.alloc(14)
  head.writeInt16BE(apiKey, 4)
  head.writeInt16BE(apiVersion, 6)
  head.writeInt32BE(apiKey, 8) // correlation id
  head.writeInt16BE(clientId.length, 12)
  const message = Buffer.concat([head, clientId, body])
  message.writeInt32BE(message.length - 4, 0)
  return message
}

// Version 3 is flexible: compact strings (length + 1) and tagged fields, one of them the supported features.
const apiVersionsRequest = request(
  API_VERSIONS,
  3,
  Buffer.concat([Buffer.from([0, clientId.length + 1]), clientId, Buffer.from([2, 0x31, 0])]),
)
// Version 5, no topics, no topic creation: in every release since 1.0.
const metadataRequest = request(METADATA, 5, Buffer.from([0, 0, 0, 0, 0]))

function readAnswers(received: Buffer): string | undefined {
  if (received.length < 4) return undefined
  const metadataAt = 4 + received.readInt32BE(0)
  if (metadataAt > 1_000_000) throw new Error('not an answer of Kafka')
  if (received.length < metadataAt + 4) return undefined
  if (received.length < metadataAt + 4 + received.readInt32BE(metadataAt)) return undefined
  assertLive(received.subarray(metadataAt + 8)) // after size and correlation id
  return kafkaVersion(received.subarray(8, metadataAt))
}

/** A broker answers before it has joined its cluster: then it knows no broker, or no controller. */
function assertLive(metadata: Buffer): void {
  const reader = new Reader(metadata)
  reader.skip(4) // throttle time
  const brokers = reader.int32()
  for (let i = 0; i < brokers; i++) {
    reader.skip(4)
    reader.skip(reader.int16())
    reader.skip(4)
    reader.skip(Math.max(0, reader.int16()))
  }
  reader.skip(Math.max(0, reader.int16())) // cluster id
  if (brokers < 1 || reader.int32() < 0) throw new Error('Kafka knows no live broker yet')
}

/** From the body of ApiVersions v3, e.g. `4.3`. */
export function kafkaVersion(apiVersions: Buffer): string {
  const reader = new Reader(apiVersions)
  const errorCode = reader.int16()
  if (errorCode !== 0) return `before 2.4 (ApiVersions error ${errorCode})`
  const apis = reader.varint() - 1
  for (let i = 0; i < apis; i++) {
    reader.skip(6)
    reader.tags()
  }
  reader.skip(4) // throttle time
  const supported = reader.tags().get(0)
  if (supported === undefined) return 'before 3.3 (no supported features)'
  const features = new Reader(supported)
  const count = features.varint() - 1
  for (let i = 0; i < count; i++) {
    const name = features.bytes(features.varint() - 1).toString('utf8')
    features.skip(2)
    const highest = features.int16()
    features.tags()
    if (name === 'metadata.version') return releases[highest] ?? `with metadata.version ${highest}`
  }
  return 'without metadata.version'
}

/** Kafka's own table of levels (MetadataVersion.java): the release that brought each. */
const releases: Record<number, string> = Object.fromEntries(
  Object.entries({
    '3.3': [7], '3.4': [8], '3.5': [9, 10, 11], '3.6': [12, 13, 14], '3.7': [15, 16, 17, 18, 19], '3.8': [20],
    '3.9': [21], '4.0': [22, 23, 24, 25], '4.1': [26, 27], '4.2': [28, 29], '4.3': [30],
  }).flatMap(([release, levels]) => levels.map((level) => [level, release])),
) // prettier-ignore

class Reader {
  readonly #buffer: Buffer
  #at = 0
  constructor(buffer: Buffer) {
    this.#buffer = buffer
  }
  skip(count: number): void {
    this.#at += count
  }
  int16(): number {
    return this.#buffer.readInt16BE((this.#at += 2) - 2)
  }
  int32(): number {
    return this.#buffer.readInt32BE((this.#at += 4) - 4)
  }
  bytes(length: number): Buffer {
    return this.#buffer.subarray(this.#at, (this.#at += length))
  }
  varint(): number {
    for (let value = 0, shift = 0; ; shift += 7) {
      const byte = this.#buffer.readUInt8(this.#at++)
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
  }
  tags(): Map<number, Buffer> {
    const count = this.varint()
    return new Map(Array.from({ length: count }, () => [this.varint(), this.bytes(this.varint())]))
  }
}
