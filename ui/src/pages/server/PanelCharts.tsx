/** The charts of panels.ts, group by group. A chart loads when it comes near the visible area. */
import { useIntersection } from '@mantine/hooks';
import { useMemo, useRef } from 'react';
import { TimeChart } from '../../charts/TimeChart';
import { usePair, useSql } from '../../history/useSql';
import { Loaded } from '../../layout/States';
import { overallOf, panelSeries } from './panelSeries';
import { PANELS, type Panel, type PanelGroup } from './panels';
import { coverageQuery, panelQuery, presenceQuery } from './panels.sql';
import classes from './ServerPage.module.css';

const CHART_HEIGHT = 150;

export function PanelCharts({ server }: { server: string }) {
  return PANELS.map((group) => <Group key={group.title} group={group} server={server} />);
}

function Group({ group, server }: { group: PanelGroup; server: string }) {
  const { needs } = group;
  const query = useMemo(() => presenceQuery(needs?.table ?? ''), [needs]);
  const presence = useSql(query, { server }, { enabled: needs !== undefined && server !== '' });
  const absent = presence.data?.rows[0]?.present === false;
  return (
    <section aria-label={group.title}>
      <h2 className={classes.group}>{group.title}</h2>
      {needs && absent ? (
        <p className={classes.absent}>{needs.empty}</p>
      ) : (
        <div className={classes.grid}>
          {group.panels.map((panel) => (
            <PanelChart key={panel.title} panel={panel} server={server} />
          ))}
        </div>
      )}
    </section>
  );
}

function PanelChart({ panel, server }: { panel: Panel; server: string }) {
  const seen = useRef(false);
  const { ref, entry } = useIntersection({ rootMargin: '300px' });
  if (entry?.isIntersecting) seen.current = true;
  const query = useMemo(() => panelQuery(panel), [panel]);
  const coverage = useMemo(() => coverageQuery(panel.interval), [panel.interval]);
  const enabled = seen.current && server !== '';
  const rows = useSql(query, { server }, { enabled });
  const read = useSql(coverage, { server }, { enabled });

  const both = usePair(rows.data, read.data);
  const drawn = useMemo(() => {
    if (!both) return null;
    const { window, rows: sums } = both.a;
    return { window, ...panelSeries(panel, window, sums, new Map(both.b.rows.map((row) => [row.t, row.seconds]))) };
  }, [both, panel]);

  return (
    <div ref={ref} className={classes.panel} style={{ minHeight: CHART_HEIGHT + 78 }}>
      {enabled ? (
        <Loaded query={read.isError ? read : rows} what={`read ${panel.table}`} height={CHART_HEIGHT + 54}>
          {() =>
            drawn ? (
              <TimeChart
                title={panel.title}
                subtitle={panel.subtitle}
                unit={panel.unit}
                times={drawn.times}
                series={drawn.series}
                window={drawn.window}
                overall={overallOf(panel)}
                stack={panel.stack ?? false}
                floating={panel.floating ?? false}
                steps={panel.unit === 'count' && panel.kind === 'counter'}
                height={CHART_HEIGHT}
              />
            ) : null
          }
        </Loaded>
      ) : null}
    </div>
  );
}
