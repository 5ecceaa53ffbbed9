import { Button, Code, Group, Stack, Text, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Vm } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import { CopyButton } from '../ui/copy.tsx';
import { QueryView } from '../ui/states.tsx';

const endings = { 'libvirt-xml': 'xml', vmx: 'vmx', 'prism-spec': 'json' } as const;

/** The document that the hypervisor keeps of the machine, as it is now, and the files beside it. */
export function MachineDefinition({ vm }: { vm: Vm }) {
  const { t } = useTranslation();
  const definition = useQuery(queries.definition(vm.id));
  return (
    <QueryView of={definition}>
      {({ format, text, files }) => (
        <Stack gap="sm">
          <Group gap="xs">
            <Text>{t(`definition.${format}`)}</Text>
            <CopyButton value={text} label={t('definition.copy')} />
            <Button
              size="xs"
              variant="default"
              component="a"
              href={`data:text/plain;charset=utf-8,${encodeURIComponent(text)}`}
              download={`${vm.name}.${endings[format]}`}
            >
              {t('definition.download')}
            </Button>
            <Button size="xs" variant="default" onClick={() => void definition.refetch()}>
              {t('definition.again')}
            </Button>
          </Group>
          {files.length > 0 && (
            <Text size="sm">
              {t('definition.files')} <Code>{files.join(' ')}</Code>
            </Text>
          )}
          <Document text={text} />
        </Stack>
      )}
    </QueryView>
  );
}

function Document({ text }: { text: string }) {
  const { t } = useTranslation();
  const [sought, setSought] = useState('');
  const lines = useMemo(() => text.split('\n'), [text]);
  const wanted = sought.trim().toLowerCase();
  const found = wanted === '' ? 0 : lines.filter((line) => line.toLowerCase().includes(wanted)).length;
  const box = useRef<HTMLPreElement>(null);
  useEffect(() => {
    box.current?.querySelector('mark')?.scrollIntoView({ block: 'nearest' });
  }, [wanted, text]);
  return (
    <>
      <Group gap="xs">
        <TextInput
          aria-label={t('definition.search')}
          placeholder={t('definition.search')}
          value={sought}
          onChange={({ currentTarget }) => setSought(currentTarget.value)}
        />
        <Text size="sm" role="status">
          {wanted !== '' && t('definition.found', { count: found })}
        </Text>
      </Group>
      <pre ref={box} className="document" tabIndex={0} aria-label={t('tab.definition')}>
        {lines.map((line, index) =>
          wanted !== '' && line.toLowerCase().includes(wanted) ? <mark key={index}>{`${line}\n`}</mark> : `${line}\n`,
        )}
      </pre>
    </>
  );
}
