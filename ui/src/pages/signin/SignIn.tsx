/** The sign-in page. After sign-in, the user returns to the requested address. */
import { Button, Center, Paper, PasswordInput, Stack, Text, TextInput, Title } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { useNavigate, useSearchParams } from 'react-router';
import { ApiError } from '../../api/client';
import { SESSION_KEY, signIn } from '../../api/facts';

/** The requested address, if it is inside the UI. */
function safeNext(next: string | null): string {
  return next && /^\/(?![/\\])/.test(next) && !next.startsWith('/signin') ? next : '/fleet';
}

/** What went wrong, and what to do. */
function describe(error: Error): string {
  if (!(error instanceof ApiError)) return error.message;
  if (error.status === 401) return 'The name or the password is wrong.';
  if (error.code === 'too_many_attempts') {
    const wait = error.remedy ? ` ${error.remedy[0]?.toUpperCase()}${error.remedy.slice(1)}.` : '';
    return `Too many failed attempts to sign in with this name, or from this network.${wait} A browser in which you signed in within 30 days does not wait.`;
  }
  return error.message;
}

export default function SignIn() {
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [search] = useSearchParams();
  const navigate = useNavigate();
  const client = useQueryClient();
  const attempt = useMutation({
    mutationFn: () => signIn(name, password),
    onSuccess: (user) => {
      client.clear();
      client.setQueryData(SESSION_KEY, user);
      navigate(safeNext(search.get('next')), { replace: true });
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    attempt.mutate();
  };
  const { error } = attempt;

  return (
    <Center component="main" mih="100dvh" p="md">
      <Paper component="form" onSubmit={submit} w={340} p="xl" withBorder bg="var(--pga-surface)">
        <Stack gap="md">
          <Stack gap={8} align="center" mb={4}>
            <img src="./favicon.svg" alt="" width={40} height={40} />
            <Title order={1}>pgAnalytics</Title>
          </Stack>
          <TextInput
            label="Name"
            autoComplete="username"
            autoCapitalize="none"
            spellCheck={false}
            autoFocus
            required
            withAsterisk={false}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <PasswordInput
            label="Password"
            autoComplete="current-password"
            required
            withAsterisk={false}
            value={password}
            onChange={(event) => setPassword(event.currentTarget.value)}
          />
          {error ? (
            <Text size="sm" c="var(--pga-bad)" role="alert">
              {describe(error)}
            </Text>
          ) : null}
          <Button type="submit" fullWidth loading={attempt.isPending}>
            Sign in
          </Button>
        </Stack>
      </Paper>
    </Center>
  );
}
