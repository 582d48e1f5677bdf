/** The reason why a server is not up, and what to do. Shows nothing for a server that is up. */
import { Alert, Text } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import type { Server } from '../api/facts';
import { statusOf, troubleOf } from './servers';

const TITLES: Record<NonNullable<Server['trouble']>['kind'], string> = {
  too_many_connections: 'Too many connections',
  login_refused: 'The server refuses the login',
  starting: 'The server is not ready',
  unreachable: 'The server does not answer',
  other: 'The collector cannot read the server',
};

export function ServerTrouble({ server, now }: { server: Server; now: number }) {
  const status = statusOf(server, now);
  if (status === 'up') return null;
  const trouble = troubleOf(server) ?? '';
  const { title, text } = {
    silent: {
      title: 'No data arrives',
      text: `Check that the collector ${server.collector ?? ''} runs and reaches the backend.`.replace('  ', ' '),
    },
    full: { title: 'Too many connections', text: trouble },
    down: { title: TITLES[server.trouble?.kind ?? 'other'], text: server.trouble ? trouble : '' },
  }[status];
  const color = status === 'down' ? 'var(--pga-bad)' : 'var(--pga-warning)';
  return (
    <Alert
      variant="outline"
      mb="md"
      styles={{ root: { borderColor: color }, title: { color }, icon: { color } }}
      icon={<IconAlertTriangle size={18} />}
      title={title}
      role="status"
    >
      {server.up === false && server.error ? (
        <Text size="sm" mb={4} style={{ overflowWrap: 'anywhere' }}>
          {server.error}
          {server.trouble?.sqlstate && !server.error.includes(server.trouble.sqlstate)
            ? ` (SQLSTATE ${server.trouble.sqlstate})`
            : null}
        </Text>
      ) : null}
      <Text size="sm">{text}</Text>
    </Alert>
  );
}
