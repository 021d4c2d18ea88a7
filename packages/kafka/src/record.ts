import type { Attributes, DiagLogger } from '@opentelemetry/api'
import { safely } from '@waybill/core/adapter'
import type { KafkaOptions } from './options.ts'
import { ATTR_KAFKA_CLUSTER, ATTR_KAFKA_KEY, ATTR_KAFKA_TOMBSTONE } from './semconv.ts'

interface KafkaRecord {
  readonly key?: unknown
  readonly value?: unknown
}

/** What the spans of one client say about a record besides its place. */
export function recordDescriber(
  { messageKeys = false, clusterId }: KafkaOptions,
  log: DiagLogger,
): (record: KafkaRecord | undefined) => Attributes {
  const keyOf = (key: unknown): string | undefined => {
    const text = messageKeys === false ? undefined : utf8(key)
    if (text === undefined || typeof messageKeys !== 'function') return text
    const shown = safely<unknown>(log, 'options.messageKeys()', undefined, () => messageKeys(text))
    return typeof shown === 'string' ? shown : undefined
  }
  return (record) => {
    const key = keyOf(record?.key)
    return {
      ...(record?.value === null && { [ATTR_KAFKA_TOMBSTONE]: true }),
      ...(key !== undefined && { [ATTR_KAFKA_KEY]: key }),
      ...(clusterId !== undefined && { [ATTR_KAFKA_CLUSTER]: clusterId }),
    }
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true })

function utf8(key: unknown): string | undefined {
  if (typeof key === 'string') return key
  if (!(key instanceof Uint8Array)) return undefined
  try {
    return decoder.decode(key)
  } catch {
    return undefined
  }
}

/** Whether a topic passes a filter of the user's. One that throws lets it pass. */
export function passes(
  filter: ((topic: string) => boolean) | undefined,
  topic: string,
  log: DiagLogger,
): boolean {
  return filter === undefined || safely(log, 'a filter of topics', true, () => filter(topic))
}
