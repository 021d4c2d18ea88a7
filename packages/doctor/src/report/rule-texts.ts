import type { RuleId } from '../rules/finding.ts'

/** Each finding in one sentence. */
export const ruleTexts: Readonly<Record<RuleId, string>> = {
  'MQ-CONTEXT-LOST': 'A message was sent in one trace and processed in another.',
  'MQ-STALE-PARENT': "A message was processed in somebody else's trace.",
  'MQ-PRODUCER-UNTRACED': 'Messages come without context from a producer that is not in the export.',
  'MQ-PRODUCER-OUTSIDE-WINDOW':
    'Messages right at the start of the export: their producer may lie before it.',
  'MQ-CONSUMER-UNTRACED': 'Messages are sent to where nothing in the export receives.',
  'TOOL-ROOT': 'A tool call began a trace of its own.',
  'TOOL-STALE-SESSION': 'A tool call hangs under its connection instead of its caller.',
  'ROOT-MID-SEQUENCE': 'A trace began in the middle of another one of the same service.',
  'TRACE-ID-DISCONTINUITY': 'One conversation is spread over several traces.',
  'UNEXPLAINED-GAP': 'Time in a trace that no span accounts for.',
  'OPAQUE-AGENT-LOOP': 'An agent spends most of its time under no span.',
  'ORPHAN-PARENT-MISSING': 'The parent of a span is not in the export; context was not lost.',
  'CLOCK-SKEW': 'A message began to be processed before it was sent: clocks differ.',
  'BATCH-UNATTRIBUTED': 'Work under a batch belongs to no one message.',
  'TRANSIT-ROOT': 'A transit span is a root, which is a fault of Waybill.',
  'LINKS-DROPPED': 'A batch had more links than were kept.',
}
