// Start the OpenTelemetry SDK before this file, e.g. with node --import ./telemetry.js
import 'reflect-metadata'
import { NestFactory } from '@nestjs/core'
import { getQueueToken } from '@nestjs/bullmq'
import { trace } from '@opentelemetry/api'
import { QueueEvents, type Queue } from 'bullmq'
import { AppModule } from './app.module.ts'
import { InvoicesService } from './invoices.service.ts'

const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error'] })
const queue = app.get<Queue>(getQueueToken('invoices'))
const events = new QueueEvents('invoices', { connection: queue.opts.connection })
await events.waitUntilReady()

// Stands for a request, of which an HTTP instrumentation makes the span.
await trace.getTracer('http').startActiveSpan('POST /invoices', async (request) => {
  const invoices = app.get(InvoicesService)
  const jobs = [await invoices.invoice(42), await invoices.summary([1, 2])]
  request.end()
  for (const job of jobs) console.log(await job.waitUntilFinished(events))
})

await events.close()
await app.close()
