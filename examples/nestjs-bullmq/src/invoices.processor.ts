import { Processor, WorkerHost } from '@nestjs/bullmq'
import { trace } from '@opentelemetry/api'
import type { Job } from 'bullmq'

@Processor('invoices')
export class InvoicesProcessor extends WorkerHost {
  /** Runs in the context of the job: what it starts, logs or sends belongs to the request that added it. */
  override async process(job: Job<{ readonly customer?: number }>): Promise<string> {
    return trace.getTracer('invoices').startActiveSpan('write invoice', async (span) => {
      span.end()
      return `${job.name} for ${job.data.customer ?? 'all'}`
    })
  }
}
