export { eventually } from './eventually.ts';
export { NatsServer, type NatsServerOptions } from './nats-server.ts';
export { freePort } from './free-port.ts';
