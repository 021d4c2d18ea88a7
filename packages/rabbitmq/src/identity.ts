/** What names a message and its conversation; the same properties on both sides of the broker. */
export function identityOf(
  properties: { readonly messageId?: unknown; readonly correlationId?: unknown } | null | undefined,
): {
  readonly messageId: string | undefined
  readonly conversationId: string | undefined
} {
  return { messageId: textOf(properties?.messageId), conversationId: textOf(properties?.correlationId) }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
