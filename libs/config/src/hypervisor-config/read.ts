import { win32 } from 'node:path';

/** What a `hypervisor_config.json` of Auto-Creation-VM says, as settings of our agents. */
export interface HypervisorConfig {
  /** By the name of the environment variable. */
  readonly settings: Readonly<Record<string, string>>;
  /** Settings of an agent on Windows, when this machine is none: their paths lead nowhere here. */
  readonly onWindows: Readonly<Record<string, string>>;
  /** Of Prism Central; it goes into a file of its own. */
  readonly password: string | undefined;
  /** Keys that mean nothing here, as `nutanix.mock_port`. */
  readonly ignored: readonly string[];
}

/** The file cannot be read as one of Auto-Creation-VM; the message says what to do. */
export class HypervisorConfigError extends Error {
  override readonly name = 'HypervisorConfigError';
}

interface Key {
  readonly env: string;
  readonly isPath?: boolean;
}

const passwordKey = 'nutanix.password';
const known: Readonly<Record<string, Key>> = {
  'vmware.vmrun_path': { env: 'POLYVIRT_VMRUN_PATH', isPath: true },
  'vmware.templates_directory': { env: 'POLYVIRT_TEMPLATE_PATH', isPath: true },
  'vmware.default_vm_directory': { env: 'POLYVIRT_VM_PATH', isPath: true },
  'nutanix.prism_central_ip': { env: 'POLYVIRT_PRISM_ADDRESS' },
  'nutanix.username': { env: 'POLYVIRT_PRISM_USERNAME' },
  'nutanix.default_cluster': { env: 'POLYVIRT_PRISM_CLUSTER' },
};

/** A drive or a network share; `/srv/vms` is the same on both. */
const isOfWindows = (path: string): boolean => /^[A-Za-z]:[\\/]|^\\\\/.test(path);

/** Throws {@link HypervisorConfigError}. `platform` is that of the machine whose agents are to have the settings. */
export function readHypervisorConfig(text: string, platform: NodeJS.Platform = process.platform): HypervisorConfig {
  const settings: Record<string, string> = {};
  const onWindows: Record<string, string> = {};
  const ignored: string[] = [];
  let password: string | undefined;
  for (const [section, values] of Object.entries(objectIn(text))) {
    if (!isObject(values)) {
      ignored.push(section);
      continue;
    }
    for (const [name, value] of Object.entries(values)) {
      const key = `${section}.${name}`;
      const setting = Object.hasOwn(known, key) ? known[key] : undefined;
      if (!setting && key !== passwordKey) {
        ignored.push(key);
        continue;
      }
      const given = stringOf(key, value);
      if (given === '') continue;
      if (!setting) password = given;
      else if (setting.isPath && isOfWindows(given) && platform !== 'win32')
        onWindows[setting.env] = win32.normalize(given);
      else settings[setting.env] = setting.isPath && platform === 'win32' ? win32.normalize(given) : given;
    }
  }
  requireAddress(settings);
  return { settings, onWindows, password, ignored };
}

function objectIn(text: string): object {
  let parsed: unknown;
  try {
    // Editors of Windows begin a file with a byte order mark.
    parsed = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    const advice = /[^\\]\\[^"\\/bfnrtu]/.test(text)
      ? ' A backslash is written twice in JSON: "C:\\\\VMs"; or write "C:/VMs".'
      : '';
    throw new HypervisorConfigError(`It is no JSON: ${(error as Error).message}.${advice}`, { cause: error });
  }
  if (isObject(parsed)) return parsed;
  throw new HypervisorConfigError('It is JSON, but no object with the sections "vmware" and "nutanix".');
}

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function stringOf(key: string, value: unknown): string {
  if (typeof value !== 'string')
    throw new HypervisorConfigError(`"${key}" is to be a text, not ${JSON.stringify(value)}.`);
  // "C:\templates" is a tab and "emplates".
  // eslint-disable-next-line no-control-regex
  if (/[\u0000-\u001F]/.test(value))
    throw new HypervisorConfigError(
      `"${key}" has a control character in it. A backslash is written twice in JSON: "C:\\\\VMs"; or write "C:/VMs".`,
    );
  return key === passwordKey ? value : value.trim();
}

/** What would not be understood by the agent is said here, by its key in the file. */
function requireAddress({ POLYVIRT_PRISM_ADDRESS: address }: Record<string, string>): void {
  if (address === undefined || /^(?:https:\/\/)?[^\s/]+\/?$/.test(address)) return;
  throw new HypervisorConfigError(
    `"nutanix.prism_central_ip" is to be a host name or an IP address, with or without a port, not "${address}".`,
  );
}
