import { createClient, type components } from '@polyvirt/api-client';
import { exclusively, noteSession } from '../session/tabs.ts';

type Schemas = components['schemas'];
export type Vm = Schemas['Vm'];
export type VmState = Schemas['VmState'];
export type Host = Schemas['Host'];
export type JoinInvitation = Schemas['JoinInvitation'];
export type Operation = Schemas['Operation'];
export type Plan = Schemas['Plan'];
export type Snapshot = Schemas['Snapshot'];
export type Metrics = Schemas['Metrics'];
export type MetricsHistory = Schemas['MetricsHistory'];
export type StatsSummary = Schemas['StatsSummary'];
export type Me = Schemas['Me'];
export type Preferences = Schemas['Preferences'];
export type SavedView = Schemas['SavedView'];
export type Permission = Schemas['Permission'];
export type Role = Schemas['Role'];
export type User = Schemas['User'];
export type Archive = Schemas['Archive'];
export type AuditRecord = Schemas['AuditRecord'];
export type CreateVmInput = Schemas['CreateVmInput'];
export type EditVmInput = Schemas['ReconfigureVmInput'];
export type BootDevice = Schemas['BootDevice'];
export type Volume = Schemas['Volume'];
export type Image = Schemas['Image'];
export type AddImageInput = Schemas['CreateImageInput'];
export type AddDiskInput = Schemas['AddDiskInput'];
export type NicInput = Schemas['AddNicInput'];
export type ChangeNicInput = Schemas['ChangeNicInput'];
export type BatchPlan = Schemas['BatchPlan'];
export type BatchInput = Schemas['BatchInput'];

let ended: () => void = () => undefined;
/** Calls back when the session is over, whoever ended it. */
export const onSessionEnd = (listener: () => void): void => {
  ended = listener;
};

let confirm: () => Promise<boolean> = async () => false;
/** Calls back when a change needs the password once more; answers whether it was given. */
export const onConfirmationNeeded = (listener: () => Promise<boolean>): void => {
  confirm = listener;
};

/** The one client of this tab. */
export const client = createClient({
  url: location.origin,
  cookie: exclusively,
  confirm: () => confirm(),
  onSession: (tokens) => {
    noteSession(tokens !== undefined);
    if (!tokens) ended();
  },
});
