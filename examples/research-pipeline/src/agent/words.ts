const fillers = new Set(
  'a an and are as at by did does from how in is it of on or that the to what when where which who why with'.split(
    ' ',
  ),
)

/** The words of a text that say what it is about, with plurals and endings cut off. */
export function keywords(text: string): string[] {
  return allWords(text)
    .filter((word) => !fillers.has(word))
    .map((word) => (word.length > 4 ? word.replace(/(ing|ed|es|s)$/, '') : word.replace(/s$/, '')))
}

export function allWords(text: string): string[] {
  return text.toLowerCase().match(/[a-z]+/g) ?? []
}

/** How many different keywords of `question` occur in `text`. */
export function overlap(question: string, text: string): number {
  const found = new Set(keywords(text))
  return new Set(keywords(question).filter((word) => found.has(word))).size
}

/** The best first; equal ones stay in order, so that every run gives the same answer. */
export function byOverlap<T>(
  question: string,
  candidates: readonly T[],
  textOf: (candidate: T) => string,
): T[] {
  return candidates.toSorted((a, b) => overlap(question, textOf(b)) - overlap(question, textOf(a)))
}
