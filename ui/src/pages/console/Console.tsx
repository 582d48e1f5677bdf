/** The SQL page: any question, answered as a table or a chart. The query is in the URL, so the address is a link to it. */
import { ActionIcon, Button, Group, Kbd, Menu, SegmentedControl, Stack, Text } from '@mantine/core';
import { useClipboard } from '@mantine/hooks';
import { IconCheck, IconChevronDown, IconLink, IconPlayerPlay } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { useSearchParams } from 'react-router';
import { useParam } from '../../address/links';
import { ApiError } from '../../api/client';
import { useViews } from '../../api/facts';
import { runSql } from '../../history/run';
import type { Parameters, SqlAnswer } from '../../history/sql';
import { ErrorBox, PageHeader } from '../../layout/States';
import { useRange } from '../../range/RangeProvider';
import classes from './Console.module.css';
import { Download } from './Download';
import { Editor } from './Editor';
import { EXAMPLES } from './examples';
import { Result } from './Result';

/** The most rows of the table. The CSV has more. */
const SHOWN_ROWS = 2000;

export default function Console() {
  const [search, setSearch] = useSearchParams();
  const run = search.get('q') ?? '';
  const [text, setText] = useState(run || (EXAMPLES[0]?.sql ?? ''));
  const [as, setAs] = useParam('as', 'auto');
  const [attempt, setAttempt] = useState(0);
  const views = useViews();
  const parameters = useParameters(run);
  const link = useClipboard({ timeout: 1500 });

  const result = useQuery<SqlAnswer, Error>({
    queryKey: ['console', run, attempt, parameters],
    enabled: run.trim() !== '',
    retry: false,
    queryFn: ({ signal }) => runSql(run, parameters, 'console', SHOWN_ROWS, signal),
    placeholderData: (previous) => previous,
  });

  // Back and links can change the query.
  useEffect(() => {
    if (run) setText(run);
  }, [run]);

  const start = () => {
    setAttempt((count) => count + 1);
    if (text === run) return;
    setSearch((current) => {
      const next = new URLSearchParams(current);
      next.set('q', text);
      next.delete('sort');
      return next;
    });
  };
  const { error } = result;
  const mark = error instanceof ApiError && text === run ? { message: error.message, position: error.position } : null;

  return (
    <>
      <title>SQL · pgAnalytics</title>
      <PageHeader title="SQL">
        <Menu position="bottom-end" shadow="md">
          <Menu.Target>
            <Button size="compact-sm" variant="default" h={30} rightSection={<IconChevronDown size={13} />}>
              Examples
            </Button>
          </Menu.Target>
          <Menu.Dropdown>
            {EXAMPLES.map((example) => (
              <Menu.Item key={example.title} onClick={() => setText(example.sql)}>
                {example.title}
              </Menu.Item>
            ))}
          </Menu.Dropdown>
        </Menu>
      </PageHeader>
      <Stack gap="sm">
        <div className={classes.editor}>
          <Editor value={text} onChange={setText} onRun={start} views={views.data} error={mark} />
        </div>
        <Group gap="sm">
          <Button
            size="xs"
            leftSection={<IconPlayerPlay size={14} />}
            onClick={start}
            loading={result.isFetching}
            disabled={!text.trim()}
          >
            Run
          </Button>
          <Text size="xs" c="dimmed" visibleFrom="sm">
            <Kbd size="xs">Ctrl</Kbd> <Kbd size="xs">Enter</Kbd> · <code>$from</code>, <code>$to</code> and{' '}
            <code>$server</code> are the page’s range and server
          </Text>
          <Group gap={6} ml="auto">
            <SegmentedControl
              size="xs"
              aria-label="Show the result as"
              value={as}
              onChange={setAs}
              data={[
                { value: 'auto', label: 'Auto' },
                { value: 'table', label: 'Table' },
                { value: 'chart', label: 'Chart' },
              ]}
            />
            <ActionIcon
              variant="default"
              size={30}
              aria-label="Copy a link to this query"
              title="Copy a link to this query"
              disabled={!run}
              onClick={() => link.copy(window.location.href)}
            >
              {link.copied ? <IconCheck size={15} /> : <IconLink size={15} />}
            </ActionIcon>
            <Download key={run} sql={run} parameters={parameters} />
          </Group>
        </Group>
        {error ? (
          <ErrorBox what="run this SQL" error={error} retry={start} />
        ) : result.data ? (
          <Result answer={result.data} as={as} />
        ) : (
          <Text size="sm" c="dimmed">
            Every collected view is a table of the same name. Each has the additional columns ts and server. The API
            page lists all tables.
          </Text>
        )}
      </Stack>
    </>
  );
}

/** The range and the server as parameters. Only those in the query, since the backend refuses unused parameters. */
function useParameters(sql: string): Parameters {
  const { from, to } = useRange();
  const [search] = useSearchParams();
  const all: Parameters = {
    from: new Date(from * 1000).toISOString(),
    to: new Date(to * 1000).toISOString(),
    server: search.get('server') ?? '',
  };
  return Object.fromEntries(Object.entries(all).filter(([name]) => new RegExp(`\\$${name}\\b`).test(sql)));
}
