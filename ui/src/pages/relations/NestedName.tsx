/** The name of a relation in a table of trees: indented, with a button for its partitions. */
import { ActionIcon } from '@mantine/core';
import { IconChevronDown, IconChevronRight } from '@tabler/icons-react';
import { useCallback, useMemo } from 'react';
import { useParam } from '../../address/links';
import { formatAgo, formatMoment, type Zone } from '../../format/time';
import classes from './Relations.module.css';

/** Open rows, by key. They are in the URL. */
export function useOpenRows(): { isOpen: (key: string) => boolean; toggle: (key: string) => void } {
  const [text, setText] = useParam('open');
  const open = useMemo(() => new Set(text.split(',').filter(Boolean)), [text]);
  const isOpen = useCallback((key: string) => open.has(key), [open]);
  const toggle = useCallback(
    (key: string) => {
      const next = new Set(open);
      if (!next.delete(key)) next.add(key);
      setText([...next].join(','));
    },
    [open, setText],
  );
  return { isOpen, toggle };
}

interface NestedNameProps {
  name: string;
  depth: number;
  /** Absent for a relation without partitions, and in a flat list. */
  partitions?: { open: boolean; toggle: () => void };
  /** The epoch of the last read, if the relation is no longer read. */
  gone?: number | null;
  zone: Zone;
}

export function NestedName({ name, depth, partitions, gone = null, zone }: NestedNameProps) {
  return (
    <span className={classes.name} style={{ paddingLeft: depth * 22 }} data-gone={gone === null ? undefined : true}>
      {partitions ? (
        <ActionIcon
          size={18}
          variant="subtle"
          color="gray"
          aria-expanded={partitions.open}
          aria-label={`${partitions.open ? 'Hide' : 'Show'} the partitions of ${name}`}
          onClick={partitions.toggle}
        >
          {partitions.open ? <IconChevronDown size={14} /> : <IconChevronRight size={14} />}
        </ActionIcon>
      ) : (
        <span className={classes.place} />
      )}
      <strong>{name}</strong>
      {gone === null ? null : (
        <span
          className={classes.note}
          title={`Dropped, renamed, or not readable. Last read ${formatMoment(gone, zone)}`}
        >
          last read {formatAgo(gone, Date.now() / 1000)}
        </span>
      )}
    </span>
  );
}
