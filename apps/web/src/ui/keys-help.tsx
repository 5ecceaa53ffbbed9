import { Group, Kbd, Modal, Table, Text } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { pageKeys } from './frame.tsx';

const rows = [
  ['Ctrl K', 'palette'],
  ['?', 'help'],
  ['/', 'filter'],
  ['c', 'create'],
  ['o', 'operations'],
  ['[ ]', 'tabs'],
  ['j k', 'move'],
  ['x', 'select'],
  ['Enter', 'open'],
  ['s', 'start'],
  ['t', 'stop'],
  ['Delete', 'delete'],
  ['Space', 'pause'],
] as const;

export function KeysHelp({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const { t } = useTranslation();
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title={t('keys.title')}
      closeButtonProps={{ 'aria-label': t('common.close') }}
    >
      <Table>
        <Table.Tbody>
          {rows.map(([keys, what]) => (
            <Table.Tr key={keys}>
              <Table.Td>
                <Keys keys={keys} />
              </Table.Td>
              <Table.Td>{t(`keys.${what}`)}</Table.Td>
            </Table.Tr>
          ))}
          {pageKeys.map(({ key, go }) => (
            <Table.Tr key={key}>
              <Table.Td>
                <Keys keys={`g ${go}`} />
              </Table.Td>
              <Table.Td>
                <Text span>{t(`nav.${key}`)}</Text>
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Modal>
  );
}

const Keys = ({ keys }: { keys: string }) => (
  <Group gap={4} wrap="nowrap">
    {keys.split(' ').map((key) => (
      <Kbd key={key}>{key}</Kbd>
    ))}
  </Group>
);
