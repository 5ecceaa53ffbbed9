// Reads events from the bus, with what POST /api/v1/subscribers has answered:
//
//   node examples/read-events.mjs nats://127.0.0.1:4222 subscriber.json
//
// Each event is one line of JSON (CloudEvents 1.0). An event is acknowledged when its line is written, so that a program
// that was stopped goes on where it was. Needs @nats-io/transport-node and @nats-io/jetstream.
import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { jetstream } from '@nats-io/jetstream';
import { connect, credsAuthenticator } from '@nats-io/transport-node';

const [url, file] = process.argv.slice(2);
if (url === undefined || file === undefined) {
  console.error('usage: node read-events.mjs <nats url> <file with the answer of POST /api/v1/subscribers>');
  process.exit(2);
}
const { credentials, stream, consumers, apiPrefix, inboxPrefix } = JSON.parse(readFileSync(file, 'utf8'));

const connection = await connect({
  servers: url,
  authenticator: credsAuthenticator(Buffer.from(credentials)),
  inboxPrefix,
  maxReconnectAttempts: -1,
});
process.once('SIGINT', () => void connection.drain());
process.once('SIGTERM', () => void connection.drain());

await Promise.all(
  consumers.map(async (name) => {
    const consumer = await jetstream(connection, { apiPrefix }).consumers.get(stream, name);
    for await (const message of await consumer.consume()) {
      process.stdout.write(`${message.string()}\n`);
      message.ack();
    }
  }),
);
