import { describe, expect, it } from '@jest/globals';
import { ProblemError } from '@polyvirt/contracts';
import { CallTimeoutError, ConnectionLostError, LibvirtError } from '@polyvirt/node-libvirt';
import { toProblem } from './libvirt.problems.ts';

const failure = (code: number, message: string) =>
  new LibvirtError(
    {
      code,
      domain: 10,
      message,
      level: 2,
      dom: null,
      str1: null,
      str2: null,
      str3: null,
      int1: -1,
      int2: -1,
      net: null,
    },
    'domainCreate',
  );

describe('problems of libvirt', () => {
  it.each([
    [42, 'Domain not found', 'vm-not-found'],
    [43, 'Network not found', 'network-not-found'],
    [72, 'no domain snapshot', 'snapshot-not-found'],
    [55, 'domain is already running', 'wrong-state'],
    [9, "operation failed: domain 'a' already exists with uuid 1", 'name-taken'],
    [9, 'operation failed: something else', 'host-rejected'],
    [38, 'cannot write: No space left on device', 'insufficient-capacity'],
    [38, 'cannot open: Permission denied', 'host-rejected'],
    [38, "Failed to connect socket to '/run/libvirt/virtlogd-sock': Connection refused", 'host-offline'],
    [38, "Failed to connect socket to '/var/run/libvirt/virtlogd-sock': No such file or directory", 'host-offline'],
    [50, 'no storage vol with matching path', 'host-rejected'],
    [68, 'cannot acquire state change lock', 'vm-busy'],
    [83, 'disk vda already in active block job', 'vm-busy'],
    [87, 'resource busy', 'vm-busy'],
    [1_000, 'a code of the future', 'host-rejected'],
  ])('number %i, "%s" is %s', (code, message, expected) => {
    expect(toProblem(failure(code, message))).toMatchObject({
      code: expected,
      message: expect.stringContaining(`libvirt: ${message}`),
    });
  });

  it('says how to get past a job that holds a VM', () => {
    expect(toProblem(failure(68, 'Timed out during operation.'))).toMatchObject({
      message: expect.stringMatching(/operation\. Another job.*virsh domjobabort/),
    });
  });

  it('quotes a daemon that says a lot in part, and on one line', () => {
    const { message } = toProblem(failure(1, `a\nb${'x'.repeat(5_000)}`)) as ProblemError;
    expect(message).toMatch(/^libvirt: a b/);
    expect(message.length).toBeLessThan(400);
  });

  it('says that a lost connection mends itself', () => {
    expect(toProblem(new ConnectionLostError('gone', { sent: true }))).toMatchObject({
      code: 'host-offline',
    });
  });

  it.each([
    ['connectListAllDomains', 'host-offline'],
    ['nodeGetMemoryStats', 'host-offline'],
    ['domainUndefineFlags', 'host-offline'],
    ['domainDefineXmlFlags', 'host-offline'],
    // These may wait for one QEMU that hangs, beside a libvirt that is well.
    ['connectGetAllDomainStats', 'timed-out'],
    ['domainGetState', 'timed-out'],
    ['domainDestroyFlags', 'timed-out'],
    ['nodeDeviceReset', 'timed-out'],
    ['storageVolGetInfo', 'timed-out'],
  ])('takes no answer to %s for %s, which is waited for where it is the whole host', (procedure, code) => {
    for (const sent of [true, false])
      expect(toProblem(new CallTimeoutError(procedure, 10_000, sent))).toMatchObject({ code });
  });

  it('leaves problems and bugs as they are', () => {
    const problem = new ProblemError('wrong-state', 'off');
    expect(toProblem(problem)).toBe(problem);
    const bug = new TypeError('x is undefined');
    expect(toProblem(bug)).toBe(bug);
  });
});
