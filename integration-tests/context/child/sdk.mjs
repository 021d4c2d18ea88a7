// What a thread or a process has to register by itself.
import { context, propagation } from '@opentelemetry/api'
import { sdk } from '../../otel-sdk-3/sdk.ts'

context.setGlobalContextManager(sdk.contextManager().enable())
propagation.setGlobalPropagator(sdk.propagator())
