export { type Broker, type BrokerName, type MissingBroker, type Origin, brokerNames } from './broker.ts'
export { requireBrokers } from './missing.ts'
export { type Postgres, startPostgres } from './postgres.ts'
export { OWNER_LABEL } from './owner.ts'
export {
  type BrokerOptions,
  type StartedBrokers,
  type StartOptions,
  startBroker,
  startBrokers,
  startKafkaCluster,
} from './start.ts'
