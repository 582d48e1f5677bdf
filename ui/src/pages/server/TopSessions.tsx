/** The active sessions of the range as bars, grouped by query, user, application, database or wait event. */
import { SegmentedControl, Select } from '@mantine/core';
import { Link } from 'react-router';
import { usePageHref, useParam } from '../../address/links';
import { ShareBar } from '../../charts/ShareBar';
import { exact, formatCount, formatPercent } from '../../format/numbers';
import { useSql } from '../../history/useSql';
import { Loaded } from '../../layout/States';
import { SqlLine } from '../../sqltext/SqlText';
import { useStatementTexts } from '../../subjects/useStatementTexts';
import { DIMENSIONS, type Dimension, topBy } from './activity.sql';
import classes from './ServerPage.module.css';
import { type Share, shares } from './shares';

const CHOICES = Object.entries(DIMENSIONS).map(([value, { label }]) => ({ value, label }));

export function TopSessions({ server }: { server: string }) {
  const [text, setDimension] = useParam('by', 'query');
  const dimension: Dimension = text in DIMENSIONS ? (text as Dimension) : 'query';
  const query = useSql(topBy, { server, dimension });

  return (
    <section className={classes.panel} aria-label="Top active sessions">
      <div className={classes.head}>
        <h2 style={{ margin: 0, fontSize: 13 }}>Active sessions in this range</h2>
        <SegmentedControl
          size="xs"
          visibleFrom="sm"
          aria-label="Grouped by"
          value={dimension}
          onChange={setDimension}
          data={CHOICES}
        />
        <Select
          size="xs"
          hiddenFrom="sm"
          w={150}
          allowDeselect={false}
          aria-label="Grouped by"
          value={dimension}
          onChange={(value) => setDimension(value ?? 'query')}
          data={CHOICES}
        />
      </div>
      <Loaded query={query} what="read the top sessions" height={240}>
        {(data) => <Shares server={server} dimension={dimension} entries={shares(data.rows)} />}
      </Loaded>
    </section>
  );
}

function Shares({ server, dimension, entries }: { server: string; dimension: Dimension; entries: Share[] }) {
  const texts = useStatementTexts(server, dimension === 'query' ? entries.map((entry) => entry.name) : []);
  const largest = entries[0]?.total ?? 0;
  if (entries.length === 0)
    return <p style={{ margin: '12px 0', fontSize: 13 }}>No session was active in this range.</p>;
  return (
    <table className={classes.shares}>
      <caption className={classes.hidden}>
        {DIMENSIONS[dimension].label}: share by wait class, average active sessions, share of all active sessions
      </caption>
      <colgroup>
        <col className={classes.bar} />
        <col className={classes.sum} />
        <col className={classes.share} />
        <col />
      </colgroup>
      <tbody>
        {entries.map((entry) => (
          <tr key={entry.name}>
            <td>
              <ShareBar parts={entry.parts} largest={largest} />
            </td>
            <td className={classes.sum} title={exact(entry.total, 'sessions')}>
              {formatCount(entry.total)}
            </td>
            <td className={classes.share} title="Share of all active sessions">
              {formatPercent(entry.share)}
            </td>
            <td className={classes.name}>
              <Name dimension={dimension} name={entry.name} text={texts.get(entry.name)} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Name({ dimension, name, text }: { dimension: Dimension; name: string; text: string | undefined }) {
  const href = usePageHref();
  if (dimension !== 'query') return name || '(none)';
  if (name === '') return <span title="Utility commands, and sessions without compute_query_id">(no query id)</span>;
  return <Link to={href('query', { id: name })}>{text ? <SqlLine sql={text} /> : <code>{name}</code>}</Link>;
}
