import { InjectFlowProducer, InjectQueue } from '@nestjs/bullmq'
import { Injectable } from '@nestjs/common'
import type { FlowProducer, Job, Queue } from 'bullmq'

@Injectable()
export class InvoicesService {
  readonly #queue: Queue
  readonly #flows: FlowProducer

  constructor(@InjectQueue('invoices') queue: Queue, @InjectFlowProducer('batches') flows: FlowProducer) {
    this.#queue = queue
    this.#flows = flows
  }

  invoice(customer: number): Promise<Job> {
    return this.#queue.add('invoice', { customer })
  }

  /** All customers, and a summary when all are done. */
  async summary(customers: readonly number[]): Promise<Job> {
    const children = customers.map((customer) => ({
      name: 'invoice',
      queueName: 'invoices',
      data: { customer },
    }))
    const { job } = await this.#flows.add({ name: 'summary', queueName: 'invoices', data: {}, children })
    return job
  }
}
