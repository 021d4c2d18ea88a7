/** The four queues of the pipeline, in the order in which a question passes them. */
export const queueLabels = ['questions', 'sub-questions', 'searches', 'findings'] as const
export type QueueLabel = (typeof queueLabels)[number]
export type QueueNames = Readonly<Record<QueueLabel, string>>

/** The broker of each queue, as people call it. */
export const queueSystems: Readonly<Record<QueueLabel, string>> = {
  questions: 'BullMQ',
  'sub-questions': 'Kafka',
  searches: 'RabbitMQ',
  findings: 'Redis streams',
}

/** Names of one run only, since the brokers may be shared and may hold messages of an earlier run. */
export function queueNames(runId: string): QueueNames {
  return Object.fromEntries(queueLabels.map((label) => [label, `${label}-${runId}`])) as unknown as QueueNames
}

/** What people read: `publish searches-k3f9x2` is `publish searches` to them. */
export function withoutRunId(text: string, runId: string): string {
  return text.replaceAll(`-${runId}`, '')
}
