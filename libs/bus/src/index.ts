export { AccountKeeper } from './authority/account-keeper.ts';
export { Authority, type IssuedAccount } from './authority/authority.ts';
export {
  credentialsFor,
  isProofOf,
  renewedCredentials,
  newUserKey,
  proofOf,
  type UserKey,
} from './authority/user-key.ts';
export { renderAccounts, type ServerAccounts } from './authority/configuration.ts';
export {
  agentUser,
  inboxPrefix,
  permissionsOf,
  userNameOf,
  type BusService,
  type Permissions,
} from './authorization.ts';
export {
  Bucket,
  openBucket,
  RevisionConflictError,
  type BucketChange,
  type BucketOptions,
  type Entry,
  type WrittenChange,
} from './bucket.ts';
export { Bus, connectBus, isRefusal, type BusOptions, type BusTls } from './connection.ts';
export * from './console-frame.ts';
export { consumeEvents, consumeRollups, type Delivery } from './consume.ts';
export { isEvent, makeEvent, publishEvent, type EventFields, type StoredEvent } from './event.ts';
export { readEvents, type ReadEventsOptions } from './event-reader.ts';
export { isPassing } from './faults.ts';
export { forgetHost } from './forget-host.ts';
export { CommandContext, OnCommand, OnQuery, Redeliver } from './handlers.ts';
export { JetStreamServer, type DeadLetter, type JetStreamServerOptions } from './jetstream-server.ts';
export { askGateway, serveMembership } from './membership.ts';
export { publishCommand, publishRollup, type PublishOptions, type Stored } from './publish.ts';
export { lastPulse, Pulse, takePulse, type PulseOptions, type PulseReading } from './pulse.ts';
export { broadcast, broadcastAll, listen, listenToBytes, sendBytes, type Listener } from './pubsub.ts';
export { ask, isUnknownQuery, type AskOptions } from './query.ts';
export { pause } from './retry.ts';
export { StoredBytes } from './stored-bytes.ts';
export { ensureSubscriber, removeSubscriber, subscriberClient } from './subscribers.ts';
export { ensureCommandConsumer, ensurePulse, ensureTopology, type TopologyOptions } from './topology.ts';
export { currentTrace, runInTrace, traceparent, type TraceContext } from './trace.ts';
export { unlessAborted } from './unless-aborted.ts';
