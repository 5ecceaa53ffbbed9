import { JetStreamApiError, JetStreamError } from '@nats-io/jetstream';
import { errors } from '@nats-io/transport-node';

/** Whether the bus was away or short of something, so that the same request may succeed later. */
export function isPassing(error: unknown): boolean {
  if (error instanceof JetStreamApiError) return error.status >= 500;
  return (
    error instanceof errors.TimeoutError ||
    error instanceof errors.RequestError ||
    error instanceof errors.ConnectionError ||
    error instanceof JetStreamError ||
    // The client does not export the class of what a server without a matching stream comes to.
    (error instanceof Error && error.name === 'JetStreamNotEnabled')
  );
}

/** Whether a stream or a consumer is not there (yet). */
export const isMissing = (error: unknown): boolean => error instanceof JetStreamApiError && error.status === 404;
