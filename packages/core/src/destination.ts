import type { Attributes } from '@opentelemetry/api'
import {
  ATTR_DESTINATION_ANONYMOUS,
  ATTR_DESTINATION_NAME,
  ATTR_DESTINATION_TEMPLATE,
  ATTR_DESTINATION_TEMPORARY,
} from './semconv.ts'

/** Where a message goes to or comes from. */
export interface Destination {
  /** `messaging.destination.name`; empty for an operation on several, of which no one name is true. */
  readonly name: string
  /** Low-cardinality form, for names that contain a tenant or user id; used in span names and metrics instead. */
  readonly template?: string | undefined
  /** Exists only as long as its connection or reply: kept out of span names and metrics. */
  readonly temporary?: boolean | undefined
  /** Named by the broker: kept out of span names and metrics. */
  readonly anonymous?: boolean | undefined
}

/** The destination in a span name. */
export function labelOf(destination: Destination): string {
  if (destination.template !== undefined) return destination.template
  if (destination.anonymous === true) return '(anonymous)'
  if (destination.temporary === true) return '(temporary)'
  return destination.name
}

/** Adds a destination's attributes to those of a span. */
export function describeDestination(attributes: Attributes, destination: Destination): void {
  if (destination.name !== '') attributes[ATTR_DESTINATION_NAME] = destination.name
  if (destination.template !== undefined) attributes[ATTR_DESTINATION_TEMPLATE] = destination.template
  if (destination.temporary === true) attributes[ATTR_DESTINATION_TEMPORARY] = true
  if (destination.anonymous === true) attributes[ATTR_DESTINATION_ANONYMOUS] = true
}

/** Adds a destination's attributes to those of a metric point, unless its name has no bounded number of values. */
export function measureDestination(attributes: Attributes, destination: Destination): void {
  if (destination.template !== undefined) attributes[ATTR_DESTINATION_TEMPLATE] = destination.template
  else if (destination.name !== '' && destination.temporary !== true && destination.anonymous !== true)
    attributes[ATTR_DESTINATION_NAME] = destination.name
}
