import { Table } from '@mantine/core';
import type { ReactNode } from 'react';

interface Props {
  readonly label: string;
  /** Of its columns, in their order. */
  readonly heads: readonly string[];
  /** In pixels; below that it is scrolled. */
  readonly minWidth?: number;
  /** Its rows. */
  readonly children: ReactNode;
}

/** A table that is all on the page; a long list has one that is drawn as far as it is seen. */
export function DataTable({ label, heads, minWidth = 640, children }: Props) {
  return (
    <Table.ScrollContainer minWidth={minWidth}>
      <Table aria-label={label}>
        <Table.Thead>
          <Table.Tr>
            {heads.map((head) => (
              <Table.Th key={head}>{head}</Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody style={{ overflowWrap: 'anywhere' }}>{children}</Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}
