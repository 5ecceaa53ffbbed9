import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type Server } from 'node:tls';
import { importedSettings, importHypervisorConfig, meetPrism } from './import.ts';

describe('importing a hypervisor_config.json', () => {
  let folder: string;
  let dataDir: string;
  let said: string[];
  let certificates: { key: string; cert: string }[];
  const servers: Server[] = [];
  const heard: Buffer[] = [];
  const say = (line: string) => said.push(line);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'polyvirt-import-'));
    certificates = await Promise.all(
      ['one', 'two'].map(async (name) => {
        const [key, cert] = [join(folder, `${name}.key`), join(folder, `${name}.pem`)];
        const args = [
          'req',
          '-x509',
          '-newkey',
          'ec',
          '-pkeyopt',
          'ec_paramgen_curve:prime256v1',
          '-nodes',
          '-days',
          '2',
        ];
        execFileSync('openssl', [...args, '-subj', '/CN=prism', '-keyout', key, '-out', cert], { stdio: 'ignore' });
        return { key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8') };
      }),
    );
  });
  beforeEach(async () => {
    said = [];
    dataDir = await mkdtemp(join(folder, 'data-'));
  });
  afterEach(async () => {
    for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
  });
  afterAll(() => rm(folder, { recursive: true }));

  /** A Prism Central that shows a certificate; its address. */
  async function prism(certificate = 0, port = 0): Promise<string> {
    const server = createServer(certificates[certificate]!, (socket) => {
      socket.on('data', (data) => heard.push(data));
      socket.on('error', () => undefined);
    });
    server.on('tlsClientError', () => undefined);
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }
  const closeAll = async () => {
    for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
  };
  const fingerprintOf = (certificate: number) =>
    execFileSync('openssl', ['x509', '-noout', '-fingerprint', '-sha256'], { input: certificates[certificate]!.cert })
      .toString()
      .trim()
      .split('=')[1]!;
  async function imported(config: object): Promise<Record<string, string>> {
    const file = join(dataDir, 'hypervisor_config.json');
    await writeFile(file, JSON.stringify(config));
    await importHypervisorConfig({ file, dataDir, platform: 'linux' }, say);
    return importedSettings(dataDir, {});
  }

  it('keeps the password in a file of the owner, and nowhere else', async () => {
    const settings = await imported({
      nutanix: { prism_central_ip: await prism(), username: 'ada', password: 's3cret ' },
    });
    const file = settings['POLYVIRT_PRISM_PASSWORD_FILE']!;
    expect(await readFile(file, 'utf8')).toBe('s3cret \n');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(said.join('\n')).not.toContain('s3cret');
    expect(await readFile(join(dataDir, 'hypervisors.json'), 'utf8')).not.toContain('s3cret');
  });

  it('shows the certificate of Prism and pins it on first contact, to which nothing is sent', async () => {
    const settings = await imported({ nutanix: { prism_central_ip: await prism(), password: 'x' } });
    expect(settings['POLYVIRT_PRISM_FINGERPRINT']).toBe(fingerprintOf(0));
    expect(said.filter((line) => line.includes(fingerprintOf(0)))).toHaveLength(1);
    expect(Buffer.concat(heard).length).toBe(0);
  });

  it('pins at a later start what cannot be reached now', async () => {
    const address = await prism();
    await closeAll();
    expect(await imported({ nutanix: { prism_central_ip: address, password: 'x' } })).not.toHaveProperty(
      'POLYVIRT_PRISM_FINGERPRINT',
    );
    expect(said.join('\n')).toContain('cannot be reached now');
    await prism(0, Number(address.split(':')[1]));
    await meetPrism(dataDir, say);
    expect(await importedSettings(dataDir, {})).toMatchObject({ POLYVIRT_PRISM_FINGERPRINT: fingerprintOf(0) });
  });

  it('keeps to the pinned certificate when another one is shown, and says both', async () => {
    const address = await prism(0);
    const config = { nutanix: { prism_central_ip: address, password: 'x' } };
    await imported(config);
    await closeAll();
    await prism(1, Number(address.split(':')[1]));
    said = [];
    expect(await imported(config)).toMatchObject({ POLYVIRT_PRISM_FINGERPRINT: fingerprintOf(0) });
    const warning = said.find((line) => line.includes('is not the one that was pinned'));
    expect(warning).toContain(fingerprintOf(0));
    expect(warning).toContain(fingerprintOf(1));
  });

  it('gives what belongs to one Prism to no other that the caller names', async () => {
    await imported({
      nutanix: { prism_central_ip: await prism(), password: 'x' },
      vmware: { vmrun_path: '/usr/bin/vmrun' },
    });
    expect(await importedSettings(dataDir, { POLYVIRT_PRISM_ADDRESS: 'prism.example' })).toEqual({
      POLYVIRT_VMRUN_PATH: '/usr/bin/vmrun',
    });
    const own = await importedSettings(dataDir, { POLYVIRT_PRISM_PASSWORD: 'mine', POLYVIRT_VMRUN_PATH: '/opt/vmrun' });
    expect(Object.keys(own).sort()).toEqual(['POLYVIRT_PRISM_ADDRESS', 'POLYVIRT_PRISM_FINGERPRINT']);
  });

  it('keeps paths of Windows for an agent there, and names what it passes over', async () => {
    expect(await imported({ vmware: { default_vm_directory: 'C:/VMs', colour: 'blue' } })).toEqual({});
    expect(await readFile(join(dataDir, 'vmware-on-windows.env'), 'utf8')).toBe('POLYVIRT_VM_PATH=C:\\VMs\n');
    expect(said).toContain('vmware.colour is not known and was passed over.');
  });

  it('changes nothing when the file cannot be used', async () => {
    await expect(imported({ nutanix: { prism_central_ip: 7 } })).rejects.toThrow(
      /hypervisor_config\.json: "nutanix\.prism/,
    );
    await expect(importHypervisorConfig({ file: join(dataDir, 'none'), dataDir }, say)).rejects.toThrow(
      /cannot be read/,
    );
    expect(existsSync(join(dataDir, 'hypervisors.json'))).toBe(false);
  });
});
