import { BullModule } from '@nestjs/bullmq'
import { Module } from '@nestjs/common'
import { bullmqTelemetry } from '@waybill/bullmq'
import { InvoicesProcessor } from './invoices.processor.ts'
import { InvoicesService } from './invoices.service.ts'

/** The one line: `forRoot` hands it on to every queue, worker and flow producer that is registered below. */
const telemetry = bullmqTelemetry()

@Module({
  imports: [
    BullModule.forRoot({
      connection: { url: process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379' },
      telemetry,
    }),
    BullModule.registerQueue({ name: 'invoices' }),
    BullModule.registerFlowProducer({ name: 'batches' }),
  ],
  providers: [InvoicesProcessor, InvoicesService],
})
export class AppModule {}
