import { describe, expect, it } from '@jest/globals';
import { ProblemError, type ProblemCode } from '@polyvirt/contracts';
import { MissingProgramError } from './run-program.ts';
import { CallDeadlineError, passes, toProblem, VmwareError } from './vmrun.problems.ts';

const vmx = '/vms/a/a.vmx';

/** Texts of the product, what they mean, and whether the same call may succeed in a moment. */
const texts: readonly (readonly [said: string, code: ProblemCode, passes: boolean])[] = [
  [`The virtual machine is not powered on: ${vmx}`, 'wrong-state', false],
  [`The VMware Tools are not running in the virtual machine: ${vmx}`, 'wrong-state', true],
  ['Cannot execute scripts', 'wrong-state', true],
  [`Cannot open VM: ${vmx}, The virtual machine cannot be found`, 'vm-not-found', false],
  [`Cannot open VM: ${vmx}, Cannot read the virtual machine configuration file`, 'host-rejected', true],
  [`Cannot open VM: ${vmx}, A password is required for this operation`, 'host-rejected', false],
  [`Cannot open VM: ${vmx}, Incorrect password`, 'host-rejected', false],
  ['The virtual machine should not be powered on. It is already running.', 'wrong-state', false],
  ['This VM is in use.', 'wrong-state', false],
  ['The file is already in use', 'wrong-state', false],
  ['A snapshot with the name already exists', 'name-taken', false],
  ["Invalid snapshot name 'nope'", 'snapshot-not-found', false],
  ['The snapshot does not exist', 'snapshot-not-found', false],
  ['The name does not uniquely identify one snapshot', 'host-rejected', false],
  ['The operation was canceled', 'host-rejected', false],
  ['The operation is not supported for the specified parameters', 'host-rejected', true],
  ['The operation is already in progress', 'vm-busy', true],
  [
    'An error occurred while writing a file; the disk is full. Data has not been saved.',
    'insufficient-capacity',
    false,
  ],
  ['Not enough physical memory is available to power on this virtual machine', 'insufficient-capacity', false],
  ['The virtual machine is blocked waiting for a user operation', 'host-rejected', false],
  ['Insufficient permissions in the host operating system', 'host-rejected', false],
  ['This operation is not supported with the current license', 'capability-missing', false],
  ['Unable to connect to host. The specified version was not found', 'host-offline', true],
  ['Failed to defragment: The specified virtual disk needs repair (0x3e86).', 'host-rejected', false],
  ['Etwas ging schief', 'host-rejected', false],
];

const problemOf = (error: unknown) => {
  const problem = toProblem(error);
  if (!(problem instanceof ProblemError)) throw new Error('no problem', { cause: problem });
  return problem;
};

describe('what VMware says, as a problem', () => {
  it.each(texts)('%s', (said, code, isPassing) => {
    const error = new VmwareError('vmrun start', said);
    const problem = problemOf(error);
    expect(problem.code).toBe(code);
    // The cause in the product's words, and a sentence about the way out.
    expect(problem.message).toContain(said.replace(/\.$/, ''));
    expect(problem.message.length).toBeGreaterThan(`vmrun start: ${said}`.length + 10);
    expect(passes(error)).toBe(isPassing);
  });

  it('is more precise with the reason that the log of the VM adds', () => {
    const said = "The operation was canceled: Failed to lock the file. The disk 'a.vmdk' appears to be in use";
    expect(problemOf(new VmwareError('vmrun start', said)).code).toBe('wrong-state');
  });

  it('tells of deadlines, missing programs and the file system', () => {
    expect(problemOf(new CallDeadlineError('vmrun clone', 30))).toMatchObject({
      code: 'timed-out',
      message: expect.stringMatching(/^vmrun clone did not answer within 30 s/),
    });
    expect(problemOf(new MissingProgramError('gone')).code).toBe('host-offline');
    expect(problemOf(Object.assign(new Error('full'), { code: 'ENOSPC' })).code).toBe('insufficient-capacity');
    expect(problemOf(Object.assign(new Error('no'), { code: 'EACCES' })).message).toMatch(/same user|as the user/);
    const named = { code: 'ELOOP', path: '/vms/a b/x.vmsd' };
    expect(problemOf(Object.assign(new Error('no'), named)).message).toMatch(/^\/vms\/a b\/x\.vmsd is a symbolic link/);
  });

  it('lets bugs through', () => {
    const bug = new TypeError('undefined is no function');
    expect(toProblem(bug)).toBe(bug);
  });
});
