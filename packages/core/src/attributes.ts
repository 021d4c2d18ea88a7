import type { Attributes } from '@opentelemetry/api'
import { describeDestination, measureDestination, type Destination } from './destination.ts'
import { ATTR_CONSUMER_GROUP, ATTR_OPERATION_NAME, ATTR_SYSTEM, ATTR_SYSTEM_NAME } from './semconv.ts'
import type { Signals, Telemetry } from './telemetry.ts'

/** What every span of ours says: system, operation, destination. */
export function spanAttributes(
  telemetry: Telemetry,
  operation: string,
  destination: Destination,
): Attributes {
  const { system } = telemetry.scope
  const attributes: Attributes = { [ATTR_SYSTEM_NAME]: system, [ATTR_OPERATION_NAME]: operation }
  if (telemetry.options.compat) attributes[ATTR_SYSTEM] = system
  describeDestination(attributes, destination)
  return attributes
}

/** What every metric point of ours says, as far as it has a bounded number of values. */
export function metricAttributes(
  telemetry: Telemetry,
  operation: string,
  destination: Destination,
  group?: string,
): Attributes {
  const attributes: Attributes = {
    [ATTR_SYSTEM_NAME]: telemetry.scope.system,
    [ATTR_OPERATION_NAME]: operation,
  }
  measureDestination(attributes, destination)
  if (group !== undefined) attributes[ATTR_CONSUMER_GROUP] = group
  return attributes
}

/** `metricAttributes` of the series that a point belongs to: made once and frozen. */
export function seriesAttributes(
  telemetry: Telemetry,
  { instruments: { series } }: Signals,
  operation: string,
  destination: Destination,
  group?: string,
): Attributes {
  const make = (): Attributes => metricAttributes(telemetry, operation, destination, group)
  const { name, template, temporary, anonymous } = destination
  if (template !== undefined) return series.templated.of(operation, group ?? '', template, make)
  if (temporary === true || anonymous === true) return series.unnamed.of(operation, group ?? '', '', make)
  return series.named.of(operation, group ?? '', name, make)
}
