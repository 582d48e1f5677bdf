/** The range control in the header: presets, absolute range, time zone, refresh button and refresh interval. */
import {
  ActionIcon,
  Button,
  Group,
  Menu,
  Popover,
  SegmentedControl,
  SimpleGrid,
  Stack,
  Text,
  TextInput,
} from '@mantine/core';
import { IconArrowBackUp, IconChevronDown, IconClock, IconRefresh } from '@tabler/icons-react';
import { type FormEvent, useState } from 'react';
import { formatMoment, formatSpan, type Zone } from '../format/time';
import classes from './RangePicker.module.css';
import { REFRESH_CHOICES, useRange, useRefreshInterval, useZone } from './RangeProvider';
import { formatRangeDuration, PRESETS, parseDuration } from './range';

export function RangePicker() {
  const [opened, setOpened] = useState(false);
  const { range, from, to, setRange, back } = useRange();
  const [zone, setZone] = useZone();
  const label = range.kind === 'relative' ? `Last ${formatRangeDuration(range.seconds)}` : formatSpan(from, to, zone);
  const close = () => setOpened(false);

  return (
    <Group gap={4} wrap="nowrap" className={classes.group}>
      {range.kind === 'absolute' ? (
        <ActionIcon
          variant="default"
          size={32}
          aria-label="Back to the range before"
          title="Back to the range before"
          onClick={back}
        >
          <IconArrowBackUp size={16} />
        </ActionIcon>
      ) : null}
      <Popover
        opened={opened}
        onChange={setOpened}
        position="bottom-end"
        width={320}
        trapFocus
        shadow="md"
        withinPortal
      >
        <Popover.Target>
          <Button
            variant="default"
            size="compact-sm"
            h={32}
            leftSection={<IconClock size={15} />}
            rightSection={<IconChevronDown size={13} />}
            onClick={() => setOpened((open) => !open)}
            aria-label={`Time range: ${label}`}
            className={classes.button}
          >
            {label}
            {zone === 'utc' ? <span className={classes.zone}>UTC</span> : null}
          </Button>
        </Popover.Target>
        <Popover.Dropdown>
          <Stack gap="sm">
            <SimpleGrid cols={3} spacing={6}>
              {PRESETS.map((preset) => (
                <Button
                  key={preset}
                  size="compact-sm"
                  variant={
                    range.kind === 'relative' && formatRangeDuration(range.seconds) === preset ? 'filled' : 'default'
                  }
                  onClick={() => {
                    setRange({ kind: 'relative', seconds: parseDuration(preset) ?? 3600 });
                    close();
                  }}
                >
                  {preset}
                </Button>
              ))}
            </SimpleGrid>
            <AbsoluteRange key={`${from}-${to}-${zone}`} zone={zone} onDone={close} />
            <SegmentedControl
              size="xs"
              fullWidth
              aria-label="Time zone"
              value={zone}
              onChange={(value) => setZone(value as Zone)}
              data={[
                { value: 'local', label: `Local (${Intl.DateTimeFormat().resolvedOptions().timeZone})` },
                { value: 'utc', label: 'UTC' },
              ]}
            />
            <Text size="xs" c="dimmed">
              Drag over a chart to zoom in. Double-click to go back.
            </Text>
          </Stack>
        </Popover.Dropdown>
      </Popover>
      <Refresh />
    </Group>
  );
}

function AbsoluteRange({ zone, onDone }: { zone: Zone; onDone: () => void }) {
  const { from, to, setRange } = useRange();
  const [start, setStart] = useState(() => formatMoment(from, zone));
  const [end, setEnd] = useState(() => formatMoment(to, zone));
  const a = parseLocal(start, zone);
  const b = parseLocal(end, zone);
  const wrong =
    a === null || b === null ? 'Write times like 2025-11-23 14:05' : b <= a ? 'The end must be after the start' : null;

  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (a === null || b === null || b <= a) return;
    setRange({ kind: 'absolute', from: a, to: b });
    onDone();
  };

  return (
    <form onSubmit={submit}>
      <Stack gap={6}>
        <TextInput size="xs" label="From" value={start} onChange={(event) => setStart(event.currentTarget.value)} />
        <TextInput
          size="xs"
          label="To"
          value={end}
          onChange={(event) => setEnd(event.currentTarget.value)}
          error={wrong}
        />
        <Button type="submit" size="compact-sm" variant="light" disabled={wrong !== null}>
          Apply
        </Button>
      </Stack>
    </form>
  );
}

/** Parses `2025-11-23 14:05[:09]` in the zone. Returns epoch seconds. */
export function parseLocal(text: string, zone: Zone): number | null {
  const match = /^(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2}(?::\d{2})?)$/.exec(text.trim());
  const ms = match ? Date.parse(`${match[1]}T${match[2]}${zone === 'utc' ? 'Z' : ''}`) : Number.NaN;
  return Number.isFinite(ms) ? Math.floor(ms / 1000) : null;
}

function Refresh() {
  const { refresh } = useRange();
  const [interval, setInterval] = useRefreshInterval();
  const name = (seconds: number) => (seconds === 0 ? 'Off' : `Every ${formatRangeDuration(seconds)}`);
  return (
    <Group gap={0} wrap="nowrap">
      <ActionIcon
        variant="default"
        size={32}
        aria-label="Refresh now"
        title="Refresh now"
        onClick={refresh}
        className={classes.refresh}
      >
        <IconRefresh size={16} />
      </ActionIcon>
      <Menu position="bottom-end" shadow="md">
        <Menu.Target>
          <Button
            variant="default"
            size="compact-sm"
            h={32}
            px={6}
            className={classes.interval}
            aria-label={`Refresh interval: ${name(interval)}`}
          >
            {interval === 0 ? 'off' : formatRangeDuration(interval)}
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Label>Refresh</Menu.Label>
          {REFRESH_CHOICES.map((seconds) => (
            <Menu.Item key={seconds} onClick={() => setInterval(seconds)} fw={seconds === interval ? 600 : 400}>
              {name(seconds)}
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
    </Group>
  );
}
