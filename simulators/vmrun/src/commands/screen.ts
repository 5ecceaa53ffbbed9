import { appendFileSync, existsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { required, type MachineCall } from '../command-line/call.ts';
import { refusal } from '../command-line/errors.ts';
import { encodePng } from '../display/png.ts';
import { guestFolder } from '../guest/guest-disk.ts';
import { requireGuest } from '../guest/tools-state.ts';

/** Types into the guest's console; what was typed is kept as `keystrokes` in the folder of the guest. */
export async function typeKeystrokes(call: MachineCall): Promise<void> {
  const keys = required(call, 0);
  await requireGuest(call);
  appendFileSync(join(guestFolder(call.machine), 'keystrokes'), `${keys}\n`);
}

/** Writes a picture of the guest's screen to this machine. */
export async function captureScreen(call: MachineCall): Promise<void> {
  const path = call.session.paths.local(required(call, 0));
  await requireGuest(call);
  if (!existsSync(dirname(path))) throw refusal('file-not-found');
  writeFileSync(path, encodePng(Date.now()));
}
