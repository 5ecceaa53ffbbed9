import { readFile } from 'node:fs/promises';
import Fastify from 'fastify';

/**
 * A process of its own that answers every request with the bytes of a file, as little as Fastify can do. It tells its
 * parent the address.
 */
const body = await readFile(process.argv[2]!);
const server = Fastify();
server.get('/', (_request, reply) => reply.type('application/json; charset=utf-8').send(body));
process.send!(await server.listen({ port: 0, host: '127.0.0.1' }));
