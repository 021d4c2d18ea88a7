/** A delegation is deeper than its guard allows. Thrown before the agent's body runs, so before a token is spent. */
export class DelegationDepthError extends Error {
  override readonly name = 'DelegationDepthError'
  /** Name of the agent that did not run. */
  readonly agent: string
  readonly depth: number
  readonly maxDepth: number

  constructor(agent: string, depth: number, maxDepth: number, caller: string | undefined) {
    const from = caller === undefined ? '' : `, delegated by ${caller}`
    super(`agent ${agent}${from}: delegation depth ${depth} is past maxDepth ${maxDepth}; it was not run`)
    this.agent = agent
    this.depth = depth
    this.maxDepth = maxDepth
  }
}
