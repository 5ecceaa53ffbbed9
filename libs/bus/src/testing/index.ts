export { BusAccount } from './bus-account.ts';
export type { Broker, ConnectOptions } from './broker.ts';
export { eventually } from './eventually.ts';
export { freePort } from './free-port.ts';
export { NatsCluster } from './nats-cluster.ts';
export { NatsServer, type NatsServerOptions } from './nats-server.ts';
