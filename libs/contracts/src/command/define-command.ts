import { z } from 'zod';
import type { CapabilityRef, Capabilities } from '../host/capabilities.ts';
import { HostId, NativeId, OperationId, Timestamp } from '../ids.ts';
import type { Permission } from '../identity/permissions.ts';
import { commandOptions } from '../operation/command-options.ts';
import type { Outline } from '../plan/plan.ts';
import type { ProblemCode } from '../problem/problems.ts';
import { holdsSecrets } from '../secret.ts';
import type { HardwareChange } from '../vm/hardware-change.ts';
import type { Places } from '../vm/hardware-command.ts';
import type { VmAction } from '../vm/vm-actions.ts';
import type { DriverVm } from '../vm/vm.ts';
import { asQuery } from './query-fields.ts';

/** What every command carries beside its input. */
const envelope = {
  operationId: OperationId,
  host: HostId,
  nativeId: NativeId.optional().describe('The VM; absent when the command makes one.'),
  requestId: z.string().describe('Correlates logs and problems with the request that asked.'),
  requestedBy: z.string().describe('User name of the author.'),
  requestedAt: Timestamp,
  notAfter: Timestamp.describe('The command must begin before this, or it expires.'),
  beginWithinMs: z
    .int()
    .optional()
    .describe('The same as an age, reckoned from when the server has stored the command: no clock but its own counts.'),
  parent: OperationId.optional().describe('The batch that the operation belongs to.'),
  retryOf: OperationId.optional().describe('The operation that is tried again.'),
} as const;

const dryRun = z
  .stringbool()
  .default(false)
  .describe('Answer 200 with the plan of the change, or with the problem that it would end with, and change nothing.');

/** Query of a change that has a body. */
export const DryRunQuery = z.strictObject({ dryRun }).meta({ id: 'DryRunQuery' });
export type DryRunQuery = z.infer<typeof DryRunQuery>;

/** A change that somebody asked for, on its way to the agent of a host. */
export interface Command<Verb extends string = string, Input = unknown> {
  operationId: OperationId;
  verb: Verb;
  host: HostId;
  nativeId?: NativeId | undefined;
  requestId: string;
  requestedBy: string;
  requestedAt: Timestamp;
  notAfter: Timestamp;
  beginWithinMs?: number | undefined;
  parent?: OperationId | undefined;
  retryOf?: OperationId | undefined;
  input: Input;
}

type Shape = z.ZodRawShape;
type InputOf<Fields extends Shape> = z.infer<z.ZodObject<Fields, z.core.$strict>>;
export type CommandMethod = 'POST' | 'PATCH' | 'PUT' | 'DELETE';

/** Everything there is to say of a command. What the services need of it is derived from this and nowhere else said again. */
export interface CommandDeclaration<Verb extends string, Input extends Shape> {
  /** Imperative, `<entity>.<action>`: `vm.start`, `vm.snapshot-create`. */
  readonly verb: Verb;
  /** A sentence for the users of the API. */
  readonly summary: string;
  /** Below `/api/v1`. A name in braces other than `vmId` and `hostId` is a field of the input. A command on neither makes a VM. */
  readonly route: `${CommandMethod} /${string}`;
  readonly permission: Permission;
  /** What goes to the agent. */
  readonly input: Input;
  /** What the control plane adds for the agent. It is no part of any request, and made anew when the command is asked for again. */
  readonly added?: Shape;
  /** What must hold between fields of the input, beyond what each of them says. */
  readonly rule?: readonly [holds: (input: InputOf<Input>) => boolean, fault: { path: string[]; error: string }];
  /** More of the body, which the control plane keeps of the VM once the command has succeeded. */
  readonly options?: Shape;
  /** What nobody else may hold: the VM, and on the host the `name` of the input; there also the `volume` or the image, at the agent alone. */
  readonly locks: readonly LockName[];
  /** Row of the table of actions. Without one the state does not matter. */
  readonly action?: VmAction | ((input: InputOf<Input>) => VmAction);
  /** What of the host it takes beyond what the action says. The VM is absent when the command makes one. */
  readonly needs?: (input: InputOf<Input>, vm: DriverVm | undefined) => readonly CapabilityRef[];
  /** Makes ids of what a person may name, such as a snapshot, by the record of the VM. Throws when nothing has that name. */
  readonly resolve?: (input: InputOf<Input>, vm: DriverVm) => InputOf<Input>;
  /** Throws what the record of the VM shows to be impossible, whatever its state. */
  readonly check?: (input: InputOf<Input>, vm: DriverVm) => void;
  /** What it would do, by the record of the VM and the capabilities of its host. Not called when it is so already. */
  readonly outline: (input: InputOf<Input>, known: Known) => Outline;
  /** Of a command that changes the hardware: what is asked of the driver, and where its parts stand in the request. */
  readonly change?: (input: InputOf<Input>) => PlacedChange;
  /** Whether only the host itself knows if it can be, so that it is asked before there is an operation. */
  readonly asksHost: boolean;
  /** Longest time it may run once begun; it then fails with `timed-out`. */
  readonly limitSeconds: number | ((input: InputOf<Input>) => number);
  /** Problems beside those that any command can end with. */
  readonly problems: readonly ProblemCode[];
  /** Whether it makes a VM, which has the `name` of the input. */
  readonly makes?: true;
  /** Whether it turns a VM on, which may overcommit the host and may crash. */
  readonly turnsOn?: true;
  /** Whether a VM that was on is on afterwards. */
  readonly staysOn?: true;
  /** Whether it changes a VM field by field, so that one that failed says which it left changed. */
  readonly edits?: true;
  /** What batches call it, where that is not the end of the verb. */
  readonly batchAs?: string;
}

export type LockName = 'vm' | 'name' | 'volume' | 'image';

export interface PlacedChange {
  readonly change: HardwareChange;
  readonly places: Places;
}

/** What is known when a plan is made. */
export interface Known {
  /** Absent when the command makes one. */
  readonly vm: DriverVm | undefined;
  readonly capabilities: Capabilities;
}

export interface CommandDefinition<Verb extends string = string, Input extends z.ZodType = z.ZodType> {
  readonly verb: Verb;
  /** As OpenAPI and generated clients call it: `startVm`, `createSnapshot`. */
  readonly id: string;
  /** As a batch calls it; undefined for a command that is about no VM. */
  readonly batchAction: string | undefined;
  readonly summary: string;
  readonly permission: Permission;
  readonly method: CommandMethod;
  /** `/vms/{vmId}/start` */
  readonly path: string;
  /** Whether the path names the VM that it is about. */
  readonly isOfVm: boolean;
  readonly input: Input;
  /** The input with what the control plane adds to it. */
  readonly sent: z.ZodType;
  /** Names of the fields that it adds. */
  readonly addedFields: readonly string[];
  /** Of the request; a DELETE has none. */
  readonly body: z.ZodObject | undefined;
  /** Of the request: `dryRun`, and of a DELETE what others have in their body. */
  readonly query: z.ZodObject;
  /** Path, body and query in one, without the options of a request: what a batch is given. It is kept, so it takes no secrets. */
  readonly params: z.ZodType<Record<string, unknown>>;
  /** Fields of the path that are part of the input, with their schemas. */
  readonly pathFields: Readonly<Record<string, z.ZodType>>;
  /** Names of the fields that the control plane keeps. */
  readonly optionFields: readonly string[];
  readonly locks: readonly LockName[];
  readonly asksHost: boolean;
  readonly makes?: true;
  readonly turnsOn?: true;
  readonly staysOn?: true;
  readonly edits?: true;
  readonly problems: readonly ProblemCode[];
  /** The message on the bus. */
  readonly message: z.ZodType<Command<Verb, z.infer<Input>>>;
  // Methods, so that a command of any input is a command.
  actionOf(input: z.infer<Input>): VmAction | undefined;
  needsOf(input: z.infer<Input>, vm: DriverVm | undefined): readonly CapabilityRef[];
  resolve(input: z.infer<Input>, vm: DriverVm): z.infer<Input>;
  check(input: z.infer<Input>, vm: DriverVm): void;
  outline(input: z.infer<Input>, known: Known): Outline;
  changeOf(input: z.infer<Input>): PlacedChange | undefined;
  limitSecondsOf(input: z.infer<Input>): number;
}

export type CommandOf<Definition> =
  Definition extends CommandDefinition<infer Verb, infer Input> ? Command<Verb, z.infer<Input>> : never;

/** A change to ask for. */
export function defineCommand<const Verb extends string, Fields extends Shape>(
  declaration: CommandDeclaration<Verb, Fields>,
): CommandDefinition<Verb, z.ZodObject<Fields, z.core.$strict>> {
  const { verb, route, rule, action, limitSeconds, options = {}, added = {}, batchAs } = declaration;
  const [method, path] = route.split(' ') as [CommandMethod, string];
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
  const isOfVm = names.includes('vmId');
  const fields = declaration.input as unknown as Record<string, z.ZodType>;
  const kept = options as unknown as Record<string, z.ZodType>;
  const pathFields = pick(fields, (name) => names.includes(name));
  const bodyFields = pick(fields, (name) => !names.includes(name));
  const id = idOf(verb);
  const ruled = <Schema extends z.ZodType>(schema: Schema): Schema =>
    rule ? (schema.refine(rule[0] as (input: unknown) => boolean, rule[1]) as Schema) : schema;
  const input = ruled(z.strictObject(declaration.input));
  const sent = ruled(z.strictObject({ ...declaration.input, ...added }));
  const body = {
    ...(!isOfVm && !names.includes('hostId') && { host: HostId }),
    ...bodyFields,
    ...kept,
    ...commandOptions,
  } as Record<string, z.ZodType>;
  const isQuery = method === 'DELETE';
  const message = z.object({ ...envelope, verb: z.literal(verb), input: sent });
  return {
    ...declaration,
    id,
    batchAction: isOfVm ? (batchAs ?? verb.slice(verb.indexOf('.') + 1)) : undefined,
    method,
    path,
    isOfVm,
    input,
    sent,
    addedFields: Object.keys(added),
    body: isQuery ? undefined : ruled(z.strictObject(body)).meta({ id: `${capital(id)}Input` }),
    query: isQuery
      ? ruled(z.strictObject({ ...asQuery(body), dryRun })).meta({ id: `${capital(id)}Query` })
      : DryRunQuery,
    params: ruled(z.strictObject({ ...withoutSecrets(fields), ...kept })),
    pathFields,
    optionFields: Object.keys(options),
    message: message as unknown as CommandDefinition<Verb, z.ZodObject<Fields, z.core.$strict>>['message'],
    actionOf: (given) => (typeof action === 'function' ? action(given) : action),
    needsOf: (given, vm) => declaration.needs?.(given, vm) ?? [],
    resolve: (given, vm) => declaration.resolve?.(given, vm) ?? given,
    check: (given, vm) => declaration.check?.(given, vm),
    changeOf: (given) => declaration.change?.(given),
    limitSecondsOf: (given) => (typeof limitSeconds === 'function' ? limitSeconds(given) : limitSeconds),
  };
}

/** `vm.start` is `startVm`, `vm.snapshot-create` is `createSnapshot`, `vm.pending-changes-drop` is `dropPendingChanges`. */
function idOf(verb: string): string {
  const [entity, ...words] = verb.split(/[.-]/);
  const action = words.pop()!;
  const nouns = words.length > 0 ? words : [entity!];
  return [action, ...nouns.map(capital)].join('');
}

/** Fields that hold secrets are refused in words, and no others. */
const withoutSecrets = (fields: Record<string, z.ZodType>): Record<string, z.ZodType> =>
  Object.fromEntries(
    Object.entries(fields).map(([name, field]) => [name, holdsSecrets(field) ? refusedSecret.optional() : field]),
  );

const refusedSecret = z.never({ error: 'It may hold secrets, which no batch takes. Ask for each VM by itself.' });

const capital = (word: string): string => word[0]!.toUpperCase() + word.slice(1);

const pick = <Value>(record: Record<string, Value>, isWanted: (name: string) => boolean): Record<string, Value> =>
  Object.fromEntries(Object.entries(record).filter(([name]) => isWanted(name)));
