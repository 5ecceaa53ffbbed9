import { LibvirtError } from '../protocol/errors.ts';
import { Program } from '../protocol/packet.ts';
import { entryOf } from '../protocol/procedures.ts';
import type { RpcConnection } from './rpc-connection.ts';

const CONNECTION_CLOSED_MESSAGE = 362;

/**
 * Ends the connection when the daemon lost its driver: a proxying daemon (virtproxyd) stays reachable after the daemon
 * behind it is gone, and would then refuse everything for ever.
 */
export async function watchDriver(connection: RpcConnection): Promise<void> {
  connection.on('message', ({ program, procedure }) => {
    if (program === Program.REMOTE && procedure === CONNECTION_CLOSED_MESSAGE) {
      connection.destroy(new Error('the daemon lost its connection to the hypervisor driver'));
    }
  });
  try {
    await connection.call(entryOf('connectRegisterCloseCallback'), {});
  } catch (error) {
    // Drivers within the daemon itself have nothing to lose, and some say so by refusing.
    if (!(error instanceof LibvirtError)) throw error;
  }
}
