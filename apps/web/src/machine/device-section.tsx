import { Card, Group, Stack, Text, Title } from '@mantine/core';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import type { Vm } from '../api/client.ts';
import { useLack } from '../machines/use-obstacle.ts';

interface SectionProps {
  readonly vm: Vm;
  readonly title: string;
  /** Features without which a change waits for the power-off of a machine that is on. */
  readonly live: readonly string[];
  readonly actions: ReactNode;
  readonly children: ReactNode;
}

/** Devices of one kind, with what can be done to them, and whether that waits for the power-off. */
export function DeviceSection({ vm, title, live, actions, children }: SectionProps) {
  const { t } = useTranslation();
  const lack = useLack(vm.host);
  const isOn = vm.state === 'running' || vm.state === 'paused';
  const cold = live.map((feature) => lack('reconfigure', feature)).find((reason) => reason !== undefined);
  return (
    <Card withBorder component="section" aria-label={title}>
      <Group justify="space-between" mb="xs">
        <Title order={2} size="h4">
          {title}
        </Title>
        <Group gap="xs">{actions}</Group>
      </Group>
      <Stack gap="xs">
        {isOn && cold !== undefined && (
          <Text size="sm" role="note">
            {t('devices.cold', { reason: cold })}
          </Text>
        )}
        {children}
      </Stack>
    </Card>
  );
}
