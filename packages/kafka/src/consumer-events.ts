import type { Attributes } from '@opentelemetry/api'
import { ATTR_CLIENT_ID, ATTR_CONSUMER_GROUP, recordEvent, type Telemetry } from '@waybill/core/adapter'
import { listener } from './client-events.ts'
import type { Identity } from './identity.ts'
import {
  ATTR_ASSIGNED,
  ATTR_COMMITTED,
  ATTR_RESTARTS,
  EVENT_COMMIT,
  EVENT_CRASH,
  EVENT_REBALANCE,
} from './semconv.ts'

interface Committed {
  readonly topic: string
  readonly partitions: readonly { readonly partition: unknown; readonly offset: unknown }[]
}

/** Records commits, rebalances and crashes of a kafkajs consumer, as it tells them. */
export function recordConsumerEvents(consumer: object, telemetry: Telemetry, identity: Identity): void {
  const listen = listener(consumer, telemetry.log)
  const who = (): Attributes => ({
    ...(identity.group !== undefined && { [ATTR_CONSUMER_GROUP]: identity.group }),
    ...(identity.clientId !== undefined && { [ATTR_CLIENT_ID]: identity.clientId }),
  })
  const subject = (): string | undefined => identity.group
  listen('consumer.commit_offsets', ({ topics }) => {
    const committed = (topics as readonly Committed[]).flatMap(({ topic, partitions }) =>
      partitions.map(({ partition, offset }) => `${topic}[${String(partition)}]@${String(offset)}`),
    )
    recordEvent(telemetry, {
      name: EVENT_COMMIT,
      subject: subject(),
      attributes: { ...who(), [ATTR_COMMITTED]: committed },
    })
  })
  listen('consumer.group_join', ({ duration, memberAssignment }) => {
    const assigned = Object.entries(memberAssignment ?? {}).flatMap(([topic, ids]) =>
      (ids as readonly unknown[]).map((id) => `${topic}[${String(id)}]`),
    )
    recordEvent(telemetry, {
      name: EVENT_REBALANCE,
      subject: subject(),
      durationMs: typeof duration === 'number' ? duration : undefined,
      attributes: { ...who(), [ATTR_ASSIGNED]: assigned },
    })
  })
  listen('consumer.crash', ({ error, restart }) => {
    recordEvent(telemetry, {
      name: EVENT_CRASH,
      subject: subject(),
      failure: { error },
      attributes: { ...who(), [ATTR_RESTARTS]: restart === true },
    })
  })
}
