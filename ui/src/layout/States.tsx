/** The header of a page, and its states without data: skeleton, error with retry, and empty with the way to fill it. */
import { Alert, Button, Group, Skeleton, Stack, Text, Title } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { ApiError } from '../api/client';
import classes from './States.module.css';

interface ErrorBoxProps {
  /** The attempted action, such as "read the queries". */
  what: string;
  error: Error;
  retry?: () => void;
}

export function ErrorBox({ what, error, retry }: ErrorBoxProps) {
  const remedy = error instanceof ApiError ? error.remedy : undefined;
  return (
    <Alert
      color="red"
      variant="outline"
      className={classes.error}
      icon={<IconAlertTriangle size={18} />}
      title={`Could not ${what}`}
      role="alert"
    >
      <Stack gap="xs" align="flex-start">
        <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
          {error.message}
        </Text>
        {remedy ? <Text size="sm">{remedy}</Text> : null}
        {retry ? (
          <Button size="compact-sm" variant="default" onClick={retry}>
            Try again
          </Button>
        ) : null}
      </Stack>
    </Alert>
  );
}

interface EmptyProps {
  title: string;
  /** Set if the page shows nothing else. The title is then the page's main heading. */
  whole?: boolean;
  children?: ReactNode;
}

export function Empty({ title, whole = false, children }: EmptyProps) {
  return (
    <Stack gap={6} align="center" py={48} px="md" ta="center">
      <Title order={whole ? 1 : 2} size="h2">
        {title}
      </Title>
      <Text size="sm" c="dimmed" maw={520} component="div">
        {children}
      </Text>
    </Stack>
  );
}

interface LoadedProps<T> {
  query: UseQueryResult<T, Error>;
  what: string;
  /** Height of the skeleton in px. The same height as the content, so that nothing jumps. */
  height?: number;
  children: (data: T) => ReactNode;
}

/** A query's data, or its state. Data stays on the screen when a refresh fails. */
export function Loaded<T>({ query, what, height = 180, children }: LoadedProps<T>) {
  if (query.data === undefined) {
    if (query.isError) return <ErrorBox what={what} error={query.error} retry={() => void query.refetch()} />;
    return (
      <div role="status" aria-label={`Loading: ${what}`}>
        <Skeleton height={height} radius="sm" />
      </div>
    );
  }
  return (
    <>
      {query.isError ? <ErrorBox what={what} error={query.error} retry={() => void query.refetch()} /> : null}
      {children(query.data)}
    </>
  );
}

export function PageHeader({ title, children }: { title: ReactNode; children?: ReactNode }) {
  return (
    <Group justify="space-between" align="center" mb="sm" gap="sm" mih={34}>
      <Title order={1} style={{ overflowWrap: 'anywhere' }}>
        {title}
      </Title>
      {children ? <Group gap="sm">{children}</Group> : null}
    </Group>
  );
}
