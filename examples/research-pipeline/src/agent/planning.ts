import type { Question, SubQuestion } from '../messages.ts'
import type { ChatCall } from './model.ts'

/** The parts of a question, and the call of a model that finds them. */
export function planOf({ text, replyTo, conversation }: Question): {
  readonly call: ChatCall
  readonly subQuestions: SubQuestion[]
} {
  const parts = text
    .replace(/\?$/, '')
    .split(/,\s*(?:and\s+)?/)
    .map((part) => `${part.charAt(0).toUpperCase()}${part.slice(1)}?`)
  return {
    call: {
      model: 'mock-large',
      prompt: `Split this question into parts that can be looked up on their own: ${text}`,
      answer: parts.join(' '),
      ms: 220,
    },
    subQuestions: parts.map((part, index) => ({
      text: part,
      index,
      count: parts.length,
      replyTo,
      conversation,
    })),
  }
}
