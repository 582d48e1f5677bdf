/** The Server page: where is the problem? Active sessions over time, their top sources, then the charts of panels.ts. */
import { Anchor, Group, Stack } from '@mantine/core';
import { useMemo } from 'react';
import { Link } from 'react-router';
import { usePageHref, useServer } from '../../address/links';
import { type Server, useServers } from '../../api/facts';
import { TimeChart } from '../../charts/TimeChart';
import { formatLong } from '../../format/numbers';
import { formatAgo, formatMoment, parseTime } from '../../format/time';
import { type SqlData, useSql } from '../../history/useSql';
import { Empty, Loaded, PageHeader } from '../../layout/States';
import { useRange, useZone } from '../../range/RangeProvider';
import { NoServers } from '../../subjects/NoServers';
import { ServerTrouble } from '../../subjects/ServerTrouble';
import { StatusDot } from '../../subjects/StatusDot';
import { lastAnswer, shortVersion, statusOf } from '../../subjects/servers';
import { lastUp } from '../../subjects/servers.sql';
import { type ClassRow, sessionSeries } from '../../subjects/sessions';
import { type ServerFacts, serverFacts, sessionsByClass } from './activity.sql';
import { PanelCharts } from './PanelCharts';
import classes from './ServerPage.module.css';
import { TopSessions } from './TopSessions';

export default function ServerPage() {
  const server = useServer();
  const servers = useServers();
  const href = usePageHref();
  const facts = useSql(serverFacts, { server }, { enabled: server !== '' });
  const sessions = useSql(sessionsByClass, { server }, { enabled: server !== '' });
  const row = facts.data?.rows[0];
  const entry = servers.data?.find((candidate) => candidate.name === server);
  const answered = useSql(lastUp, { server }, { enabled: entry?.up === false });

  if (server === '') {
    return servers.data?.length === 0 ? <NoServers /> : null;
  }
  if (servers.data && !entry) {
    return (
      <Empty whole title={`No server is named ${server}`}>
        The server may have a new name, or the link belongs to another pgAnalytics. Choose a server above, or on the
        page{' '}
        <Anchor component={Link} size="sm" underline="always" to={href('fleet', { server: undefined })}>
          Fleet
        </Anchor>
        .
      </Empty>
    );
  }
  return (
    <>
      <title>{`${server} · pgAnalytics`}</title>
      <PageHeader title={server}>
        {entry ? <Facts facts={row} server={entry} lastUp={answered.data?.rows[0]?.last_up} /> : null}
      </PageHeader>
      {entry ? <ServerTrouble server={entry} now={Date.now() / 1000} /> : null}
      <Stack gap="lg">
        <Loaded query={sessions} what="read the sessions" height={340}>
          {(data) => <Picture data={data} cpus={row?.cpus ?? null} />}
        </Loaded>
        <TopSessions server={server} />
        <PanelCharts server={server} />
      </Stack>
    </>
  );
}

function Picture({ data, cpus }: { data: SqlData<ClassRow>; cpus: number | null }) {
  const { times, series } = useMemo(() => sessionSeries(data.window, data.rows), [data]);
  return (
    <div className={classes.panel}>
      <TimeChart
        title="Average active sessions"
        subtitle="by wait class"
        unit="sessions"
        times={times}
        series={series}
        window={data.window}
        overall="mean"
        stack
        level={2}
        height={280}
        atLeast={1}
        limit={cpus ? { value: cpus, name: `${cpus} CPUs` } : undefined}
        emptyText="No session was sampled in this range"
      />
    </div>
  );
}

interface FactsProps {
  facts: ServerFacts | undefined;
  server: Server;
  lastUp: number | undefined;
}

/** Facts of the range's end. What the range does not tell comes from the list of servers. */
function Facts({ facts, server, lastUp }: FactsProps) {
  const { now } = useRange();
  const [zone] = useZone();
  const isUp = server.up !== false;
  const started = parseTime(facts?.postmaster_start_time ?? server.postmaster_start_time);
  const last = lastAnswer(server, lastUp);
  const role = facts?.in_recovery == null ? server.role : facts.in_recovery ? 'standby' : 'primary';
  return (
    <Group gap="md" className={classes.facts}>
      <StatusDot status={statusOf(server, Date.now() / 1000)} />
      <span>
        {role ? `${role} · ` : ''}PostgreSQL {shortVersion(facts?.version ?? server.version)}
      </span>
      {facts?.cpus ? <span>{facts.cpus} CPUs</span> : null}
      {started && isUp ? (
        <span title={`Started ${formatMoment(started, zone)}`}>up {formatLong(Math.max(0, now - started))}</span>
      ) : null}
      <span title={last ? formatMoment(last, zone) : undefined}>
        {isUp ? 'seen' : 'last up'} {last === null ? 'unknown' : formatAgo(last, Date.now() / 1000)}
      </span>
    </Group>
  );
}
