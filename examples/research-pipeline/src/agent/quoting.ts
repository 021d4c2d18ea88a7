import type { Finding, Passage, SubQuestion } from '../messages.ts'
import type { ChatCall } from './model.ts'
import { allWords, byOverlap } from './words.ts'

/** Almost a second for each question: whoever quotes is the slow one, and the others wait in its queue. */
const SECONDS_OF_THOUGHT = 0.9

/** As many passages as are read for a question. */
export const PASSAGES_READ = 6

/** What answers a question among the passages that were found for it, and the call of a model that picks it. */
export function quoteOf(
  question: SubQuestion,
  passages: readonly Passage[],
): { readonly call: ChatCall; readonly finding: Finding } {
  const [best] = byOverlap(question.text, passages, ({ text }) => text)
  if (best === undefined) throw new Error(`Nothing to quote for: ${question.text}`)
  const read = passages.map(({ text }) => text).join(' ')
  return {
    call: {
      model: 'mock-small',
      prompt: `Which of these sentences answers the question? ${question.text} ${read}`,
      answer: best.text,
      ms: SECONDS_OF_THOUGHT * 1000,
    },
    finding: {
      text: question.text,
      index: question.index,
      count: question.count,
      replyTo: question.replyTo,
      conversation: question.conversation,
      quote: best.text,
      source: best.source,
      wordsRead: allWords(read).length,
    },
  }
}
