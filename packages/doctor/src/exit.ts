import type { Diagnosis } from './diagnose.ts'
import { levels, type Level } from './settings.ts'

/** How a run ends: for gates in continuous integration. */
export interface Exit {
  readonly code: 0 | 1 | 2
  readonly reason: string
}

/** 1 from `failOn` on; 2 if there were no spans at all, since a gate that saw nothing must not be green. */
export function exitOf({ spans, findings }: Diagnosis, failOn: Level): Exit {
  if (spans === 0) return { code: 2, reason: 'no spans at all: nothing was judged' }
  const failing = findings.filter(({ level }) => levels.indexOf(level) <= levels.indexOf(failOn))
  if (failing.length === 0) return { code: 0, reason: `nothing at or above '${failOn}'` }
  return {
    code: 1,
    reason: `${failing.length} finding${failing.length === 1 ? '' : 's'} at or above '${failOn}'`,
  }
}
