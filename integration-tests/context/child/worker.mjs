// Sends back what is active here, once its data is taken for a carrier.
import './sdk.mjs'
import { parentPort, workerData } from 'node:worker_threads'
import { inject, runWithCarrier } from '@waybill/core'

runWithCarrier(workerData, () => parentPort.postMessage(inject()))
