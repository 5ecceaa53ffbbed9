import { pino, type DestinationStream } from 'pino';

/** What waits to be written while nothing can be; more is dropped. */
const waitingBytes = 1024 * 1024;

/** Where a service logs: its standard output. A line that cannot be written, as the disk is full, ends no service. */
export function logOutput(): DestinationStream {
  const output = pino.destination({ dest: 1, sync: true, maxLength: waitingBytes });
  output.on('error', () => undefined);
  return output;
}
