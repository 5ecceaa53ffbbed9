import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { lookAtCertificate } from './first-contact.ts';
import { HypervisorConfigError, readHypervisorConfig } from './read.ts';

/** What is kept in the data folder of a stack, for each start of it. */
interface Kept {
  /** By the name of the environment variable. */
  readonly settings: Record<string, string>;
  /** How the certificate of Prism Central came to be believed; absent before the first contact. */
  readonly prismTrust?: 'fingerprint' | 'authority';
}

/** Passes on what the user is to know, a sentence at a time. */
export type Say = (line: string) => void;

const fileName = 'hypervisors.json';
const windowsFileName = 'vmware-on-windows.env';
const answerWithinMs = 5_000;
const address = 'POLYVIRT_PRISM_ADDRESS';
const fingerprint = 'POLYVIRT_PRISM_FINGERPRINT';

/**
 * Takes over a `hypervisor_config.json` of Auto-Creation-VM: what it says is in force from the next start on that data folder. The
 * password goes into a file that the owner alone may read; the certificate of Prism Central is shown and, unless an authority
 * vouches for it, pinned. Throws {@link HypervisorConfigError}.
 */
export async function importHypervisorConfig(
  { file, dataDir, platform = process.platform }: { file: string; dataDir: string; platform?: NodeJS.Platform },
  say: Say,
): Promise<void> {
  const { settings, onWindows, password, ignored } = await readFileOf(file, platform);
  const before = await read(dataDir);
  const secrets = join(dataDir, 'secrets');
  await mkdir(secrets, { recursive: true, mode: 0o700 });
  await chmod(secrets, 0o700);
  const wanted: Record<string, string> = { ...settings };
  if (password !== undefined && settings[address] !== undefined) {
    const path = join(secrets, 'prism-password');
    await replace(path, `${password}\n`);
    wanted['POLYVIRT_PRISM_PASSWORD_FILE'] = path;
    say(`nutanix.password is kept in ${path}, which only you may read. Delete it from ${file}.`);
  } else if (settings[address] !== undefined) {
    say('There is no nutanix.password: give it as POLYVIRT_PRISM_PASSWORD or POLYVIRT_PRISM_PASSWORD_FILE.');
  }
  if (Object.keys(onWindows).length > 0) {
    const path = join(dataDir, windowsFileName);
    await replace(
      path,
      Object.entries(onWindows)
        .map(([name, value]) => `${name}=${value}\n`)
        .join(''),
    );
    say(`The paths of vmware are of Windows and lead nowhere here; ${path} has the settings for an agent there.`);
  }
  for (const key of ignored) say(`${key} is not known and was passed over.`);
  const isSamePrism = settings[address] !== undefined && before?.settings[address] === settings[address];
  const pin = isSamePrism ? before?.settings[fingerprint] : undefined;
  const trust = isSamePrism ? before?.prismTrust : undefined;
  await write(dataDir, {
    settings: { ...wanted, ...(pin !== undefined && { [fingerprint]: pin }) },
    ...(trust && { prismTrust: trust }),
  });
  for (const name of Object.keys(wanted).sort()) say(`${name} is set.`);
  await meetPrism(dataDir, say);
}

/**
 * The settings that were imported, for a start: by the name of the environment variable. What the caller gives itself has
 * precedence, and what belongs to a Prism Central goes to no other.
 */
export async function importedSettings(
  dataDir: string,
  caller: Readonly<Record<string, string | undefined>>,
): Promise<Record<string, string>> {
  const settings = { ...(await read(dataDir))?.settings };
  if (caller[address] && caller[address] !== settings[address])
    for (const name of Object.keys(settings)) if (name.startsWith('POLYVIRT_PRISM_')) delete settings[name];
  for (const name of Object.keys(settings)) {
    const plain = name.replace(/_FILE$/, '');
    if (caller[plain] || caller[`${plain}_FILE`]) delete settings[name];
  }
  return settings;
}

/** Shows the certificate of the imported Prism Central and pins it, the first time that it can be reached. */
export async function meetPrism(dataDir: string, say: Say): Promise<void> {
  const kept = await read(dataDir);
  const where = kept?.settings[address];
  if (!kept || where === undefined) return;
  let shown;
  try {
    shown = await lookAtCertificate(where, answerWithinMs);
  } catch (error) {
    if (kept.prismTrust === undefined)
      say(
        `Prism Central ${where} cannot be reached now (${(error as Error).message}). Its certificate is looked at when it can.`,
      );
    return;
  }
  const pinned = kept.settings[fingerprint];
  if (pinned !== undefined) {
    if (pinned !== shown.fingerprint)
      say(
        `The certificate of Prism Central ${where} is not the one that was pinned: it has the SHA-256 fingerprint ${shown.fingerprint}, ` +
          `and ${pinned} is trusted. If that is meant, delete ${fingerprint} from ${join(dataDir, fileName)}.`,
      );
    return;
  }
  if (kept.prismTrust === 'authority') return;
  if (shown.isVerified) {
    await write(dataDir, { ...kept, prismTrust: 'authority' });
    say(`The certificate of Prism Central ${where} is vouched for by an authority that this machine knows.`);
    return;
  }
  await write(dataDir, {
    settings: { ...kept.settings, [fingerprint]: shown.fingerprint },
    prismTrust: 'fingerprint',
  });
  say(
    `The certificate of Prism Central ${where} has the SHA-256 fingerprint ${shown.fingerprint}. ` +
      'From now on this one is trusted and no other; compare it with what Prism itself shows.',
  );
}

async function readFileOf(file: string, platform: NodeJS.Platform) {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new HypervisorConfigError(`${file} cannot be read: ${(error as Error).message}.`, { cause: error });
  }
  try {
    return readHypervisorConfig(text, platform);
  } catch (error) {
    if (!(error instanceof HypervisorConfigError)) throw error;
    throw new HypervisorConfigError(`${file}: ${error.message}`, { cause: error });
  }
}

async function read(dataDir: string): Promise<Kept | undefined> {
  const path = join(dataDir, fileName);
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Kept;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new HypervisorConfigError(`${path} cannot be read: ${(error as Error).message}. Import the file again.`, {
      cause: error,
    });
  }
}

const write = (dataDir: string, kept: Kept): Promise<void> =>
  replace(join(dataDir, fileName), `${JSON.stringify(kept, undefined, 2)}\n`);

/** All of it or nothing, and for the owner alone. */
async function replace(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomBytes(4).toString('hex')}`;
  try {
    await writeFile(temporary, text, { mode: 0o600 });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
