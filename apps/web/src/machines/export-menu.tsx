import { Button, Menu } from '@mantine/core';
import { IconDownload } from '@tabler/icons-react';
import { useMutation } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { client, type Vm } from '../api/client.ts';
import { saveAs } from '../ui/save.ts';
import { ProblemAlert } from '../ui/states.tsx';
import { asCsv } from './csv.ts';
import type { VmFilter } from './filter-syntax.ts';

const formats = {
  csv: asCsv,
  json: (vms: readonly Vm[]) => `${JSON.stringify(vms, undefined, 2)}\n`,
} as const;
type Format = keyof typeof formats;
const formatNames = Object.keys(formats) as Format[];
const pageSize = 500;

/** Saves every machine that the filter finds, also those that have not been fetched yet. */
export function ExportMenu({ filter, sort }: { filter: VmFilter; sort: string }) {
  const { t } = useTranslation();
  const save = useMutation({
    mutationFn: async (format: Format) => {
      const vms: Vm[] = [];
      const query = { ...filter, sort, limit: pageSize } as object;
      for await (const vm of client.items('/api/v1/vms', { query })) vms.push(vm);
      saveAs(`machines.${format}`, formats[format](vms));
    },
  });
  return (
    <>
      <Menu position="bottom-start">
        <Menu.Target>
          <Button size="compact-sm" variant="subtle" leftSection={<IconDownload size={14} />} loading={save.isPending}>
            {t('machines.export')}
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          {formatNames.map((format) => (
            <Menu.Item key={format} onClick={() => save.mutate(format)}>
              {format.toUpperCase()}
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
      {save.isError && <ProblemAlert error={save.error} />}
    </>
  );
}
