/** The server selection in the header. The server is in the URL; without one, the first server by name is used. */
import { Select } from '@mantine/core';
import { useEffect } from 'react';
import { useSearchParams } from 'react-router';
import { useServers } from '../api/facts';
import classes from './ServerPicker.module.css';

export function ServerPicker() {
  const [search, setSearch] = useSearchParams();
  const { data } = useServers();
  const server = search.get('server');
  const names = (data ?? []).map((entry) => entry.name).sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  const first = names[0];

  useEffect(() => {
    if (server || !first) return;
    setSearch(
      (current) => {
        const next = new URLSearchParams(current);
        next.set('server', first);
        return next;
      },
      { replace: true },
    );
  }, [server, first, setSearch]);

  return (
    <Select
      aria-label="Server"
      className={classes.picker}
      size="xs"
      searchable
      allowDeselect={false}
      placeholder={data ? 'Choose a server' : 'Servers…'}
      nothingFoundMessage="No such server"
      data={server && !names.includes(server) ? [server, ...names] : names}
      value={server}
      limit={200}
      onChange={(value) => {
        if (!value) return;
        setSearch((current) => {
          const next = new URLSearchParams(current);
          next.set('server', value);
          return next;
        });
      }}
    />
  );
}
