import {
  ATTR_SERVER_ADDRESS,
  ATTR_SERVER_PORT,
  createTelemetry,
  safely,
  WAYBILL_FIELD,
  type Destination,
  type Outgoing,
  type Sending,
  type SendResult,
  type Stamp,
  type Telemetry,
  type TelemetryOptions,
} from '@waybill/core/adapter'
import { carrierOf, checkCarrier, type CarrierOption, type EntryCarrier } from './carrier.ts'
import { isFlag, isTemplate } from './checks.ts'
import { scopeOf } from './scope.ts'
import { textOf } from './text.ts'

/** Options of `traceProducer` and `tracePipeline`. */
export interface ProducerOptions extends TelemetryOptions {
  /** Where the context is written. Default: into fields of its own, after the entry's. */
  readonly carrier?: CarrierOption
  /**
   * Write the `waybill` field (44 bytes an entry). Without it there is no journey time, and no wait for entries whose id is
   * not the server's clock. Default true.
   */
  readonly waybill?: boolean
  /** Low-cardinality form of a stream's key, such as `jobs:{tenant}`: then span names and metrics have it instead. */
  readonly template?: string | ((stream: string) => string | undefined)
}

/** What the producer side needs at every call. */
export interface Producing {
  readonly telemetry: Telemetry
  /** Describes one XADD. `key` with any prefix. */
  outgoing(key: string, server: Server): Outgoing
  /** The entry's fields with the context. `content` says that Redis takes the content for the entry's identity. */
  stamped(sending: Sending, fields: readonly unknown[], content: boolean): readonly unknown[]
}

/** Where a client is connected to, as far as it says so. */
export interface Server {
  readonly host?: string | undefined
  readonly port?: number | undefined
}

/** @throws WaybillTypeError on a bad option */
export function createProducing(
  functionName: 'traceProducer' | 'tracePipeline',
  options: ProducerOptions = {},
): Producing {
  const telemetry = createTelemetry(scopeOf(functionName), options, {
    carrier: checkCarrier,
    waybill: isFlag,
    template: isTemplate,
  })
  const carrier = carrierOf(options.carrier)
  const { template, waybill = true } = options
  return {
    telemetry,
    outgoing: (key, server) => ({
      operation: 'xadd',
      destination: destinationOf(telemetry, key, template),
      details: () => serverAttributes(server),
    }),
    stamped(sending, fields, content) {
      if (content) {
        telemetry.log.debug(
          'XADD with IDMPAUTO: context is not written, since any field of ours would defeat deduplication',
        )
        return fields
      }
      return safely(telemetry.log, 'writing context into an entry', fields, () => {
        const found = carrier.read(fields)
        const stamp = sending.stamp(found.carrier, found.getter)
        return written(telemetry, carrier, fields, waybill ? stamp : lean(stamp))
      })
    },
  }
}

function written(
  telemetry: Telemetry,
  carrier: EntryCarrier,
  fields: readonly unknown[],
  stamp: Stamp,
): readonly unknown[] {
  const copy = carrier.write(fields, stamp)
  if (copy === fields) telemetry.log.debug('XADD: the carrier has no room for context: passed on without')
  return copy
}

/** A copied `waybill` field goes all the same: it is that of another hop. */
function lean({ fields, replaces }: Stamp): Stamp {
  const { [WAYBILL_FIELD]: _, ...others } = fields
  return { fields: others, replaces }
}

/** A stream as the destination of spans and metrics. */
export function destinationOf(
  telemetry: Telemetry,
  name: string,
  template: ProducerOptions['template'],
): Destination {
  if (template === undefined) return { name }
  if (typeof template === 'string') return { name, template }
  const low = safely(telemetry.log, 'options.template()', undefined, () => template(name))
  return low === undefined ? { name } : { name, template: low }
}

/** An id, `null` (NOMKSTREAM on a missing stream: nothing was sent) or `QUEUED` (in a MULTI: the id comes with EXEC). */
export function resultOf(reply: unknown): SendResult {
  if (reply === null) return { sent: false }
  const id = reply instanceof Uint8Array ? textOf(reply) : reply
  return typeof id === 'string' && /^\d+-\d+$/.test(id) ? { messageId: id } : {}
}

function serverAttributes({ host, port }: Server): Record<string, string | number> {
  return {
    ...(host !== undefined && { [ATTR_SERVER_ADDRESS]: host }),
    ...(port !== undefined && { [ATTR_SERVER_PORT]: port }),
  }
}
