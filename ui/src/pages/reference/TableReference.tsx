/** All tables and columns, from the view definitions that the collector uses. */
import { Anchor, Code, Stack, Text } from '@mantine/core';
import { Link } from 'react-router';
import { usePageHref } from '../../address/links';
import { useViews, type ViewColumn } from '../../api/facts';
import { Loaded } from '../../layout/States';
import classes from './Reference.module.css';

/** The oldest supported version. A column of all supported versions shows no version. */
const OLDEST_VERSION = 14;

export function TableReference({ search }: { search: string }) {
  const views = useViews();
  const href = usePageHref();
  const word = search.toLowerCase();
  return (
    <Loaded query={views} what="read the tables" height={420}>
      {(all) => {
        const shown = all.filter((view) =>
          `${view.name} ${view.summary} ${view.columns.map((column) => column.name).join(' ')}`
            .toLowerCase()
            .includes(word),
        );
        return (
          <Stack gap={6}>
            <Text size="sm" c="dimmed">
              A counter is the increase within <Code>interval_ms</Code>, so sums of counters are totals. A table has no
              row for an interval without a change.
            </Text>
            {shown.map((view) => (
              <details key={view.name} className={classes.entry} open={word !== '' && shown.length <= 3}>
                <summary>
                  <code className={classes.path}>{view.name}</code>
                  <span className={classes.summary}>{view.summary}</span>
                </summary>
                <div className={classes.body}>
                  <Text size="sm" c="dimmed" mb={8}>
                    Once per {view.scope}, every {view.interval_s} s ·{' '}
                    <Anchor
                      component={Link}
                      size="sm"
                      to={href('sql', { q: `select * from ${view.name} order by ts desc limit 100` })}
                    >
                      show the newest rows
                    </Anchor>
                  </Text>
                  {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be reachable by keyboard */}
                  <section className={classes.scroll} tabIndex={0} aria-label={`Columns of ${view.name}`}>
                    <table className={classes.fields}>
                      <thead>
                        <tr>
                          <th scope="col">Column</th>
                          <th scope="col">Type</th>
                          <th scope="col">Kind</th>
                          <th scope="col">Meaning</th>
                        </tr>
                      </thead>
                      <tbody>
                        {view.columns.map((column) => (
                          <tr key={column.name}>
                            <td>
                              <code>{column.name}</code>
                            </td>
                            <td>
                              {column.type}
                              {column.unit ? `, ${column.unit}` : ''}
                              {versions(column)}
                            </td>
                            <td>{column.kind}</td>
                            <td>{column.help}</td>
                          </tr>
                        ))}
                      </tbody>
                    </table>
                  </section>
                </div>
              </details>
            ))}
          </Stack>
        );
      }}
    </Loaded>
  );
}

/** The PostgreSQL versions that have the column; empty if all supported versions have it. */
function versions(column: ViewColumn): string {
  const from = column.from > OLDEST_VERSION ? `, since ${column.from}` : '';
  return from + (column.until ? `, until ${column.until - 1}` : '');
}
