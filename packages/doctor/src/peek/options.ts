import { UnreadableInput } from '../input/json-values.ts'

export interface PeekOptions {
  /** Most messages looked at, for each destination. */
  readonly count: number
  /** Seconds for which RabbitMQ's shadow queue takes copies. */
  readonly seconds: number
  /** RabbitMQ: exchange and routing key pattern that the shadow queue is bound to. */
  readonly exchange?: string
  readonly key: string
  /** BullMQ's prefix. */
  readonly prefix: string
}

/** Clients are the user's: whoever peeks at a broker has its client. */
export function missingClient(name: string, cause: unknown): UnreadableInput {
  return new UnreadableInput(
    `peek needs ${name} beside @waybill/doctor: npm install ${name} (${(cause as Error).message.split('\n')[0]})`,
  )
}
