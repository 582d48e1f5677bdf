/** Users: list, add, remove. */
import { Button, Group, PasswordInput, Select, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import type { Schemas } from '../../api/client';
import { useSession } from '../../api/facts';
import { formatAgo, parseTime } from '../../format/time';
import { Confirm } from '../../layout/Confirm';
import { ErrorBox, Loaded } from '../../layout/States';
import { DataTable } from '../../table/DataTable';
import { ROLES, useAccounts, useAddAccount, useRemoveAccount } from './accounts';

export function Users() {
  const accounts = useAccounts();
  const session = useSession();
  const drop = useRemoveAccount();
  return (
    <div>
      <Loaded query={accounts} what="read the users" height={140}>
        {(rows) => (
          <DataTable
            label="Users"
            rows={rows}
            rowKey={(row) => row.name}
            defaultSort="name"
            sortParam="users"
            toolbar={<h2 style={{ margin: 0, fontSize: 15 }}>Users</h2>}
            columns={[
              { key: 'name', label: 'Name', sort: (row) => row.name, cell: (row) => row.name },
              { key: 'role', label: 'Role', sort: (row) => row.role, cell: (row) => row.role },
              {
                key: 'created',
                label: 'Created',
                sort: (row) => row.created,
                cell: (row) => formatAgo(parseTime(row.created), Date.now() / 1000),
              },
              {
                key: 'disabled',
                label: 'State',
                sort: (row) => row.disabled,
                cell: (row) => (row.disabled ? 'disabled' : 'active'),
              },
              {
                key: 'remove',
                label: 'Actions',
                numeric: true,
                text: () => '',
                cell: (row) =>
                  row.name === session.data?.name ? null : (
                    <Confirm label="Remove" question={`Remove ${row.name}?`} onConfirm={() => drop.mutate(row.name)} />
                  ),
              },
            ]}
          />
        )}
      </Loaded>
      {drop.error ? <ErrorBox what="remove the user" error={drop.error} /> : null}
      <AddUser />
    </div>
  );
}

function AddUser() {
  const add = useAddAccount();
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [role, setRole] = useState<Schemas['Role']>('viewer');
  const submit = (event: FormEvent) => {
    event.preventDefault();
    add.mutate(
      { name, password, role },
      {
        onSuccess: () => {
          setName('');
          setPassword('');
        },
      },
    );
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
        <PasswordInput
          size="xs"
          w={180}
          label="Password"
          placeholder="at least 12 characters"
          minLength={12}
          autoComplete="new-password"
          required
          withAsterisk={false}
          value={password}
          onChange={(event) => setPassword(event.currentTarget.value)}
        />
        <Select
          size="xs"
          w={110}
          label="Role"
          allowDeselect={false}
          data={ROLES}
          value={role}
          onChange={(value) => setRole(value ?? 'viewer')}
        />
        <Button type="submit" size="xs" variant="default" loading={add.isPending}>
          Add user
        </Button>
      </Group>
      {add.error ? <ErrorBox what="add the user" error={add.error} /> : null}
    </form>
  );
}
