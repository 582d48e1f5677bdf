/** Tokens for collectors and programs: list, create (the token is shown once), revoke. */
import { Alert, Button, Code, CopyButton, Group, NumberInput, Select, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import type { Schemas } from '../../api/client';
import { formatAgo, parseTime } from '../../format/time';
import { Confirm } from '../../layout/Confirm';
import { ErrorBox, Loaded } from '../../layout/States';
import { DataTable } from '../../table/DataTable';
import { ROLES, TOKEN_KINDS, useAddToken, useRevokeToken, useTokens } from './accounts';

export function Tokens() {
  const tokens = useTokens();
  const revoke = useRevokeToken();
  const ago = (text: string | null | undefined) => formatAgo(parseTime(text), Date.now() / 1000);
  return (
    <div>
      <Loaded query={tokens} what="read the tokens" height={140}>
        {(rows) => (
          <DataTable
            label="Tokens"
            rows={rows}
            rowKey={(row) => String(row.id)}
            defaultSort="name"
            sortParam="tokens"
            empty="No tokens yet."
            toolbar={<h2 style={{ margin: 0, fontSize: 15 }}>Tokens</h2>}
            columns={[
              { key: 'name', label: 'Name', sort: (row) => row.name, cell: (row) => row.name },
              { key: 'kind', label: 'Kind', sort: (row) => row.kind, cell: (row) => row.kind },
              { key: 'role', label: 'Role', sort: (row) => row.role, cell: (row) => row.role ?? '–' },
              { key: 'created', label: 'Created', sort: (row) => row.created, cell: (row) => ago(row.created) },
              { key: 'last_used', label: 'Last used', sort: (row) => row.last_used, cell: (row) => ago(row.last_used) },
              {
                key: 'uses',
                label: 'Uses',
                help: 'Uses / maximum uses',
                numeric: true,
                sort: (row) => row.uses ?? null,
                cell: (row) =>
                  row.uses == null ? '–' : row.max_uses == null ? row.uses : `${row.uses} / ${row.max_uses}`,
              },
              {
                key: 'expires',
                label: 'Expires',
                sort: (row) => row.expires,
                cell: (row) => (row.revoked ? 'revoked' : (row.expires?.slice(0, 10) ?? 'never')),
              },
              {
                key: 'revoke',
                label: 'Actions',
                numeric: true,
                text: () => '',
                cell: (row) =>
                  row.revoked ? null : (
                    <Confirm label="Revoke" question={`Revoke ${row.name}?`} onConfirm={() => revoke.mutate(row.id)} />
                  ),
              },
            ]}
          />
        )}
      </Loaded>
      {revoke.error ? <ErrorBox what="revoke the token" error={revoke.error} /> : null}
      <AddToken />
    </div>
  );
}

function AddToken() {
  const add = useAddToken();
  const [name, setName] = useState('');
  const [kind, setKind] = useState<Schemas['TokenKind']>('api');
  const [role, setRole] = useState<Schemas['Role']>('viewer');
  const [uses, setUses] = useState<number | null>(null);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const order = { api: { name, kind, role }, collector: { name, kind }, enrolment: { name, kind, max_uses: uses } };
    add.mutate(order[kind], { onSuccess: () => setName('') });
  };
  return (
    <form onSubmit={submit}>
      <Group align="end" gap="xs" mt="xs">
        <TextInput
          size="xs"
          label="Name"
          required
          withAsterisk={false}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <Select
          size="xs"
          w={120}
          label="Kind"
          allowDeselect={false}
          data={TOKEN_KINDS}
          value={kind}
          onChange={(value) => setKind(value ?? 'api')}
        />
        {kind === 'enrolment' ? (
          <NumberInput
            size="xs"
            w={150}
            label="Maximum uses"
            placeholder="unlimited, for 7 days"
            min={1}
            allowDecimal={false}
            value={uses ?? ''}
            onChange={(value) => setUses(typeof value === 'number' ? value : null)}
          />
        ) : (
          <Select
            size="xs"
            w={110}
            label="Role"
            allowDeselect={false}
            disabled={kind === 'collector'}
            data={ROLES}
            value={role}
            onChange={(value) => setRole(value ?? 'viewer')}
          />
        )}
        <Button type="submit" size="xs" variant="default" loading={add.isPending}>
          Create token
        </Button>
      </Group>
      {add.error ? <ErrorBox what="create the token" error={add.error} /> : null}
      {add.data ? (
        <Alert mt="sm" variant="light" title="Copy the token now. It is not shown again.">
          <Group gap="sm">
            <Code>{add.data.token}</Code>
            <CopyButton value={add.data.token}>
              {({ copied, copy }) => (
                <Button size="compact-xs" onClick={copy}>
                  {copied ? 'Copied' : 'Copy'}
                </Button>
              )}
            </CopyButton>
          </Group>
        </Alert>
      ) : null}
    </form>
  );
}
