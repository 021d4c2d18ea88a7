/** Names are foreign input: in a terminal control characters would move the cursor, or worse. */
export function clean(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, '�')
}

/** For HTML, also within attributes. */
export function escapeHtml(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  }
  return clean(text).replaceAll(/[&<>"']/g, (character) => entities[character] ?? character)
}
