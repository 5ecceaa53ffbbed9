/** Error texts of vmrun: VIX's texts without the final period. */
export const ERRORS = {
  'not-powered-on': 'The virtual machine is not powered on',
  'tools-not-running': 'The VMware Tools are not running in the virtual machine',
  'no-address': 'Unable to get the IP address',
  'already-running-3007': 'The virtual machine should not be powered on. It is already running.',
  'already-running': 'The virtual machine is already running',
  'vm-in-use': 'This VM is in use.',
  'file-in-use': 'The file is already in use',
  'snapshot-exists': 'A snapshot with the name already exists',
  'snapshot-missing': 'The snapshot does not exist',
  'snapshot-ambiguous': 'The name does not uniquely identify one snapshot',
  'snapshot-unchanged': 'The state of the virtual machine has not changed since the last snapshot operation',
  'snapshot-unreadable': 'Unable to open the snapshot file',
  'independent-disks': 'Cannot take snapshots of powered on virtual machines with independent disks',
  canceled: 'The operation was canceled',
  unknown: 'Unknown error',
  'not-supported-for-parameters': 'The operation is not supported for the specified parameters',
  'invalid-parameter': 'One of the parameters was invalid',
  'not-supported': 'The operation is not supported',
  'cannot-execute-scripts': 'Cannot execute scripts',
  'already-exists': 'Already exists',
  'argument-too-big': 'One of the specified arguments is too big',
  license: 'This operation is not supported with the current license',
  'host-permissions': 'Insufficient permissions in the host operating system',
  'guest-credentials': 'Invalid user name or password for the guest OS',
  'guest-anonymous':
    'Anonymous guest operations are not allowed on this virtual machine. You must call VixVM_LoginInGuest before performing guest operations',
  'guest-not-interactive': 'The specified guest user must be logged in interactively to perform this operation',
  'guest-permissions': 'Authentication failure or insufficient permissions in guest operating system',
  'file-not-found': 'A file was not found',
  'file-exists': 'The file already exists',
  'file-access': 'You do not have access rights to this file',
  'disk-full':
    'An error occurred while writing a file; the disk is full. Data has not been saved. Free some disk space and try again',
  'host-memory': 'Not enough physical memory is available to power on this virtual machine',
  'blocked-by-question': 'The virtual machine is blocked waiting for a user operation',
  'no-display': 'Cannot launch the UI because no display server is present in the current environment',
  'encrypted-authentication': 'Authentication for encrypted virtual machine failed',
  'no-process': 'No such process',
  'up-to-date': 'The virtual machine is already up-to-date',
  'in-progress': 'The operation is already in progress',
  'file-error': 'A file access error occurred on the host or guest operating system',
  'not-a-file': 'The object is not a file',
  'not-a-directory': 'The object is not a directory',
  'tools-timeout': 'A timeout error occurred while waiting for VMware Tools',
  'program-not-started': 'A program could not run on the guest operating system',
  'cannot-start': 'The virtual machine could not start',
} as const;

export type ErrorName = keyof typeof ERRORS;

/** Why a .vmx could not be opened, as it follows `Cannot open VM: <vmx>,`. */
const OPEN_ERRORS = {
  missing: 'The virtual machine cannot be found',
  suffix: 'unknown file suffix',
  configuration: 'Cannot read the virtual machine configuration file',
  'password-required': 'A password is required for this operation',
  'password-wrong': 'Incorrect password',
} as const;

/** A command that ends without success: what it prints, and its exit code when that is not the usual one. */
export class Refusal extends Error {
  readonly lines: string[];
  readonly exit: number | undefined;

  constructor(lines: string[], exit?: number) {
    super(lines.join('\n'));
    this.lines = lines;
    this.exit = exit;
  }
}

export function refusal(name: ErrorName): Refusal {
  return new Refusal([`Error: ${ERRORS[name]}`]);
}

/** A refusal that ends with the path of the VM, as it was given. */
export function refusalFor(name: ErrorName, vmx: string): Refusal {
  return new Refusal([`Error: ${ERRORS[name]}: ${vmx}`]);
}

export function cannotOpen(vmx: string, why: keyof typeof OPEN_ERRORS): Refusal {
  return new Refusal([`Error: Cannot open VM: ${vmx}, ${OPEN_ERRORS[why]}`]);
}
