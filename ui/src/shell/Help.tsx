/** The help dialog: keys and gestures. */
import { Kbd, Modal, Table, Text } from '@mantine/core';
import { Fragment } from 'react';
import { NAV } from './nav';

const GENERAL: [string[], string][] = [
  [['/'], 'Search on this page'],
  [['?'], 'This help'],
  [['Ctrl', 'Enter'], 'Run the SQL (⌘ Enter on a Mac)'],
];

const GESTURES: [string, string][] = [
  ['Drag over a chart', 'Zoom the page to that range'],
  ['Double-click a chart', 'Back to the range before'],
  ['Click a legend entry', 'Show only that series; click again to show all'],
];

export function Help({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title="Keys and gestures"
      size="md"
      styles={{ title: { fontWeight: 600 } }}
    >
      <Table verticalSpacing={5} withRowBorders={false}>
        <Table.Tbody>
          {[...GENERAL, ...NAV.map((entry): [string[], string] => [['g', entry.key], `Go to ${entry.label}`])].map(
            ([keys, what]) => (
              <Table.Tr key={what}>
                <Table.Td w={150}>
                  {keys.map((key, i) => (
                    <Fragment key={key}>
                      {i > 0 ? ' ' : null}
                      <Kbd>{key}</Kbd>
                    </Fragment>
                  ))}
                </Table.Td>
                <Table.Td>{what}</Table.Td>
              </Table.Tr>
            ),
          )}
          {GESTURES.map(([gesture, what]) => (
            <Table.Tr key={gesture}>
              <Table.Td>
                <Text size="sm">{gesture}</Text>
              </Table.Td>
              <Table.Td>{what}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Modal>
  );
}
