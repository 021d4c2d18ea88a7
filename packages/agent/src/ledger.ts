/** What one call of a model used. */
export interface Call {
  /** The same wherever this call is told of: the id of its span, or one that was drawn for it. */
  readonly id: string
  readonly input: number
  readonly output: number
  /** In the currency of the settings; `undefined` where nobody knows. */
  readonly cost?: number | undefined
}

/** Sums over calls. */
export interface Usage {
  readonly input: number
  readonly output: number
  readonly calls: number
  /** `undefined` if the cost of any of the calls is unknown: a part is not to pass for the whole. */
  readonly cost: number | undefined
}

/**
 * The calls that one agent knows of: its own, and those that agents below it have told of. Every call is kept once by its
 * id, so being told twice, or in another order, changes nothing.
 */
export interface Ledger {
  /** Adds a call of the agent itself; false if it is known already. */
  record(call: Call): boolean
  /** Adds what another agent tells; `complete` says whether that is all it and those below it have used. */
  merge(calls: Iterable<Call>, complete: boolean): void
  /** From now on the whole is known not to be known. */
  incomplete(): void
  readonly self: Usage
  readonly subtree: Usage
  readonly isEmpty: boolean
  readonly isComplete: boolean
  calls(): Iterable<Call>
}

/** Most calls that one agent keeps; what is beyond makes it incomplete. */
const MAX_CALLS = 10_000

export function createLedger(): Ledger {
  const own = new Map<string, Call>()
  const others = new Map<string, Call>()
  let complete = true

  const isFull = (): boolean => own.size + others.size >= MAX_CALLS
  return {
    record(call) {
      if (own.has(call.id)) return false
      if (isFull()) complete = false
      else own.set(call.id, call)
      // Whoever told of it before can only have heard of it from here.
      others.delete(call.id)
      return true
    },
    merge(calls, isAll) {
      if (!isAll) complete = false
      for (const call of calls) {
        if (own.has(call.id)) continue
        const known = others.get(call.id)
        if (known === undefined && isFull()) complete = false
        else others.set(call.id, known === undefined ? call : larger(known, call))
      }
    },
    incomplete() {
      complete = false
    },
    get self() {
      return sum([...own.values()])
    },
    get subtree() {
      return sum([...own.values(), ...others.values()])
    },
    get isEmpty() {
      return own.size === 0 && others.size === 0
    },
    get isComplete() {
      return complete
    },
    *calls() {
      yield* own.values()
      yield* others.values()
    },
  }
}

/** Of two that tell differently of one call, the larger numbers, whichever came first. */
function larger(a: Call, b: Call): Call {
  return {
    id: a.id,
    input: Math.max(a.input, b.input),
    output: Math.max(a.output, b.output),
    cost: a.cost === undefined || b.cost === undefined ? (a.cost ?? b.cost) : Math.max(a.cost, b.cost),
  }
}

function sum(calls: Call[]): Usage {
  let [input, output, cost]: [number, number, number | undefined] = [0, 0, 0]
  // Fractions add up to something else in another order.
  for (const call of calls.sort((a, b) => (a.id < b.id ? -1 : 1))) {
    input += call.input
    output += call.output
    cost = cost === undefined || call.cost === undefined ? undefined : cost + call.cost
  }
  return { input, output, calls: calls.length, cost: calls.length === 0 ? undefined : cost }
}
