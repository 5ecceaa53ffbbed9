import { DatabaseSync } from 'node:sqlite';
import Fastify from 'fastify';

/**
 * A process of its own that keeps the body of each request in a row of a database, commits, and answers: the least that an
 * acknowledgement over HTTP can be. It tells its parent the address.
 */
const database = new DatabaseSync(process.argv[2]!);
database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE rows (id INTEGER PRIMARY KEY, text)');
const insert = database.prepare('INSERT INTO rows (text) VALUES (?)');
const server = Fastify();
server.post('/api/v1/vms', (request, reply) => {
  const { lastInsertRowid: id } = insert.run(JSON.stringify(request.body).padEnd(1_000));
  return reply.status(202).send({ id: Number(id), status: 'pending' });
});
process.send!(await server.listen({ port: 0, host: '127.0.0.1' }));
