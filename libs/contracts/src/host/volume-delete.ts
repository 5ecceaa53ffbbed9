import { defineCommand } from '../command/define-command.ts';
import { VolumeId } from '../vm/vm-disk.ts';

export const deleteVolume = defineCommand({
  verb: 'volume.delete',
  summary: 'Delete a volume of a host, with all that is on it. One that a VM needs is refused.',
  route: 'DELETE /hosts/{hostId}/volumes/{volume}',
  permission: 'vm:delete',
  locks: ['volume'],
  input: { volume: VolumeId },
  needs: () => ['volumes'],
  outline: ({ volume }) => ({
    changes: [{ pointer: '', from: { volume }, when: 'now' }],
    disruption: 'data-loss',
  }),
  asksHost: true,
  limitSeconds: 1_800,
  problems: ['volume-not-found', 'volume-in-use'],
});
