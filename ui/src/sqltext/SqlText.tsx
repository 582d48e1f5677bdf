/** SQL with syntax colours: on one line for tables, or as a formatted block with a copy button. */
import { ActionIcon, Button, Group } from '@mantine/core';
import { useClipboard } from '@mantine/hooks';
import { IconCheck, IconCopy } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { memo, useMemo, useState } from 'react';
import classes from './SqlText.module.css';
import { oneLine, tokenize } from './tokens';

/** The longest text of a table cell. The rest is not visible and costs time. */
const LINE_CHARACTERS = 240;

export const SqlLine = memo(function SqlLine({ sql }: { sql: string }) {
  const text = useMemo(() => oneLine(sql).slice(0, LINE_CHARACTERS), [sql]);
  return (
    <code className={classes.line}>
      <Tokens sql={text} />
    </code>
  );
});

function Tokens({ sql }: { sql: string }) {
  return tokenize(sql).map((token, i) =>
    token.kind === 'other' || token.kind === 'name' ? (
      token.text
    ) : (
      // biome-ignore lint/suspicious/noArrayIndexKey: tokens are identified by position only
      <span key={i} className={classes[token.kind]}>
        {token.text}
      </span>
    ),
  );
}

/** A longer text shows only this many lines at first. */
const FOLDED_LINES = 14;

export function SqlBlock({ sql }: { sql: string }) {
  const clipboard = useClipboard({ timeout: 1500 });
  const [raw, setRaw] = useState(false);
  const [open, setOpen] = useState(false);
  const { data: formatted } = useQuery({
    queryKey: ['formatted-sql', sql],
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
    queryFn: async () => {
      const { formatDialect, postgresql } = await import('sql-formatter');
      try {
        return formatDialect(sql, { dialect: postgresql, tabWidth: 2, expressionWidth: 90 });
      } catch {
        // The text is truncated, or the formatter does not know its syntax. Show the text unchanged.
        return sql;
      }
    },
  });
  const text = raw ? sql : (formatted ?? sql);
  const lines = text.split('\n');
  const folded = !open && lines.length > FOLDED_LINES;
  return (
    <div className={classes.frame}>
      <Group gap={4} className={classes.tools}>
        <Button size="compact-xs" variant="subtle" color="gray" onClick={() => setRaw(!raw)}>
          {raw ? 'Formatted' : 'As written'}
        </Button>
        <ActionIcon
          variant="subtle"
          color="gray"
          aria-label="Copy the text"
          title="Copy the text"
          onClick={() => clipboard.copy(text)}
        >
          {clipboard.copied ? <IconCheck size={16} /> : <IconCopy size={16} />}
        </ActionIcon>
      </Group>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
      <pre className={classes.block} tabIndex={0}>
        <code>
          <Tokens sql={folded ? lines.slice(0, FOLDED_LINES).join('\n') : text} />
        </code>
      </pre>
      {lines.length > FOLDED_LINES ? (
        <Button size="compact-xs" variant="subtle" m={6} onClick={() => setOpen(!open)}>
          {open ? 'Show fewer lines' : `Show all ${lines.length} lines`}
        </Button>
      ) : null}
    </div>
  );
}
