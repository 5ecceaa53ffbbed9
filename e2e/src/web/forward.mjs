// Runs in the network namespace of the browser: passes what comes to a port there on to a socket of the file system, which all
// namespaces share. It is in the process group of the browser, and ends with it.
import { connect, createServer } from 'node:net';

const [port, path] = process.argv.slice(2);
createServer((client) => {
  const server = connect(path);
  client.pipe(server).pipe(client);
  client.on('error', () => server.destroy());
  server.on('error', () => client.destroy());
}).listen(Number(port), '127.0.0.1');
