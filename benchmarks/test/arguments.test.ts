import { describe, expect, it } from 'vitest'
import { parseArguments } from '../src/arguments.ts'
import { brokers } from '../src/job.ts'

describe('parseArguments', () => {
  it('measures everything in nine rounds by default', () => {
    expect(parseArguments([])).toEqual({ brokers, rounds: 9, size: 'full', byHand: false, json: undefined })
  })

  it('takes options after the -- of a package manager', () => {
    const settings = parseArguments([
      '--',
      '--quick',
      '--by-hand',
      '--broker',
      'kafka',
      '--json',
      'rows.json',
    ])
    expect(settings).toEqual({
      brokers: ['kafka'],
      rounds: 2,
      size: 'quick',
      byHand: true,
      json: 'rows.json',
    })
  })

  it('lets --rounds decide over --quick', () => {
    expect(parseArguments(['--quick', '--rounds', '1'])).toMatchObject({ rounds: 1, size: 'quick' })
  })

  it.each([[['--rounds', '0']], [['--rounds', 'many']], [['--broker', 'sqs']], [['--fast']]])(
    'refuses %j',
    (args) => {
      expect(() => parseArguments(args)).toThrow()
    },
  )
})
