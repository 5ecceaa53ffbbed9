import { busSettings, defineConfig, setting, type ConfigOf } from '@polyvirt/config';
import { z } from 'zod';

export const organizerConfig = defineConfig({
  ...busSettings,
  archivePath: setting({
    env: 'POLYVIRT_ARCHIVE_PATH',
    schema: z.string().min(1),
    help: 'Folder below which every VM gets its permanent folder; made if missing.',
    default: 'permanent_vms',
  }),
});

export type OrganizerConfig = ConfigOf<typeof organizerConfig>;
