/** Texts longer than this hardly repeat. */
const LONGEST = 200
/** Ids of messages and the like never repeat: past this many, new texts are kept as they come. */
const MOST = 50_000

/** One copy of each text that repeats: names, services and destinations of a million spans are few. */
export function interner(): (text: string) => string {
  const known = new Map<string, string>()
  return (text) => {
    if (text.length > LONGEST) return text
    const found = known.get(text)
    if (found !== undefined) return found
    if (known.size < MOST) known.set(text, text)
    return text
  }
}
