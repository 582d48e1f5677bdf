/** The tables and their columns, from the same definitions the collector works by. */
import { Anchor, Code, Stack, Text } from '@mantine/core';
import { Link } from 'react-router';
import { usePageHref } from '../../address/links';
import { useViews, type ViewColumn } from '../../api/facts';
import { Loaded } from '../../layout/States';
import classes from './Reference.module.css';

/** What every supported version has needs no saying. */
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
              Counters are what was added in the interval that <Code>interval_ms</Code> says: sum them. Where nothing
              changed there is no row.
            </Text>
            {shown.map((view) => (
              <details key={view.name} className={classes.entry} open={word !== '' && shown.length <= 3}>
                <summary>
                  <code className={classes.path}>{view.name}</code>
                  <span className={classes.summary}>{view.summary}</span>
                </summary>
                <div className={classes.body}>
                  <Text size="sm" c="dimmed" mb={8}>
                    Once a {view.scope}, every {view.interval_s} s ·{' '}
                    <Anchor
                      component={Link}
                      size="sm"
                      to={href('sql', { q: `select * from ${view.name} order by ts desc limit 100` })}
                    >
                      look at the newest rows
                    </Anchor>
                  </Text>
                  {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
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

/** Which versions of PostgreSQL have the column, where not all that are supported do. */
function versions(column: ViewColumn): string {
  const from = column.from > OLDEST_VERSION ? `, since ${column.from}` : '';
  return from + (column.until ? `, until ${column.until - 1}` : '');
}
