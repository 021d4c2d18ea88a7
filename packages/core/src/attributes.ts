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
  const { name, template, temporary, anonymous } = destination
  const isUnnamed = temporary === true || anonymous === true
  const kind = template !== undefined ? series.templated : isUnnamed ? series.unnamed : series.named
  const place = template ?? (isUnnamed ? '' : name)
  return (
    kind.get(operation, group ?? '', place) ??
    kind.keep(operation, group ?? '', place, metricAttributes(telemetry, operation, destination, group))
  )
}
