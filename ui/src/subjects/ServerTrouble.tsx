/** The reason why a server is not up, and what to do. Shows nothing for a server that is up. */
import { Alert, Text } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import type { Server } from '../api/facts';
import { connectionLimit, statusOf } from './servers';

export function ServerTrouble({ server, now }: { server: Server; now: number }) {
  const status = statusOf(server, now);
  if (status === 'up') return null;
  const limit = connectionLimit(server.error);
  const { title, text } = {
    silent: {
      title: 'No data arrives',
      text: `Check that the collector ${server.collector ?? ''} runs and reaches the backend.`.replace('  ', ' '),
    },
    full: { title: 'Too many connections', text: `${limit?.message ?? ''} ${limit?.remedy ?? ''}` },
    down: {
      title: 'The server does not answer',
      text: 'Check that the server runs and that the collector reaches it.',
    },
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
        </Text>
      ) : null}
      <Text size="sm">{text}</Text>
    </Alert>
  );
}
