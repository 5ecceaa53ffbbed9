import type { z } from 'zod';
import { defineCommand, type CommandDeclaration } from '../command/define-command.ts';
import { ProblemError } from '../problem/problem.ts';
import { needsOfChange, requireChangeable, type HardwareChange } from './hardware-change.ts';
import { outlineOfChange } from './hardware-outline.ts';

/** Where a part of the change stands in the request: the beginning of a pointer into the one and the other. */
export type Places = readonly (readonly [ofChange: string, ofRequest: string])[];

type Given =
  | 'action'
  | 'change'
  | 'needs'
  | 'check'
  | 'outline'
  | 'asksHost'
  | 'edits'
  | 'staysOn'
  | 'limitSeconds'
  | 'permission';
type Input<Fields extends z.ZodRawShape> = z.infer<z.ZodObject<Fields, z.core.$strict>>;

type Declaration<Verb extends string, Fields extends z.ZodRawShape> = Omit<CommandDeclaration<Verb, Fields>, Given> & {
  /** What of the VM changes. */
  readonly change: (input: Input<Fields>) => HardwareChange;
  /** Without one a pointer into the change is one into the request. */
  readonly places?: Places;
};

/** A command that changes a VM: states, capabilities, outline and act are the same for all of them, and so is the driver's part. */
export function defineHardwareCommand<const Verb extends string, Fields extends z.ZodRawShape>({
  change,
  places = [],
  ...declaration
}: Declaration<Verb, Fields>) {
  return defineCommand<Verb, Fields>({
    ...declaration,
    permission: 'vm:edit',
    action: 'reconfigure',
    needs: (input, vm) => needsOfChange(change(input), vm),
    check: (input, vm) => atPlaces(places, () => requireChangeable(vm, change(input))),
    outline: (input, known) => {
      const { warnings = [], ...outline } = outlineOfChange(change(input), known);
      return { ...outline, warnings: warnings.map((warning) => placed(warning, places)) };
    },
    change: (input) => ({ change: change(input), places }),
    asksHost: true,
    edits: true,
    staysOn: true,
    limitSeconds: 3_600,
  });
}

/** The pointer into the request that a pointer into the change means. */
export function placeIn(places: Places, pointer: string): string {
  const place = places.find(([ofChange]) => pointer === ofChange || pointer.startsWith(`${ofChange}/`));
  return place ? `${place[1]}${pointer.slice(place[0].length)}` : pointer;
}

/** The same with its pointer into the request. */
export const placed = <Pointing extends { readonly pointer?: string | undefined }>(
  pointing: Pointing,
  places: Places,
): Pointing =>
  pointing.pointer === undefined ? pointing : { ...pointing, pointer: placeIn(places, pointing.pointer) };

/** The same problem with its pointers into the request. */
export function problemAt(places: Places, error: unknown): unknown {
  if (places.length === 0 || !(error instanceof ProblemError) || !error.extras.errors) return error;
  const errors = error.extras.errors.map((fault) => placed(fault, places));
  return new ProblemError(error.code, error.message, { ...error.extras, errors, cause: error });
}

function atPlaces<Result>(places: Places, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    throw problemAt(places, error);
  }
}
