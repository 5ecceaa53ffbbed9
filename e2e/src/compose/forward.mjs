// Runs in the network of the engine: passes what comes to a socket of the file system, which all networks share, on to a port there, over
// TLS that is verified. It ends with the engine.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { connect } from 'node:tls';

const [path, port, authority] = process.argv.slice(2);
const ca = readFileSync(authority);
createServer((client) => {
  const server = connect({ host: '127.0.0.1', port: Number(port), servername: 'localhost', ca });
  client.pipe(server).pipe(client);
  client.on('error', () => server.destroy());
  server.on('error', () => client.destroy());
}).listen(path);
