/** A small button with a confirmation, for actions that cannot be undone. */
import { Button, Group, Popover, Text } from '@mantine/core';
import { useState } from 'react';

export function Confirm({ label, question, onConfirm }: { label: string; question: string; onConfirm: () => void }) {
  const [opened, setOpened] = useState(false);
  return (
    <Popover opened={opened} onChange={setOpened} position="left" shadow="md" trapFocus withinPortal>
      <Popover.Target>
        <Button size="compact-xs" variant="subtle" color="gray" onClick={() => setOpened(true)}>
          {label}
        </Button>
      </Popover.Target>
      <Popover.Dropdown>
        <Group gap="xs">
          <Text size="sm">{question}</Text>
          <Button
            size="compact-xs"
            color="red"
            onClick={() => {
              setOpened(false);
              onConfirm();
            }}
          >
            {label}
          </Button>
        </Group>
      </Popover.Dropdown>
    </Popover>
  );
}
