/** The retention form: days for each tier and for single tables. */
import { Button, Group, NumberInput, Textarea } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import type { Schemas } from '../../api/client';
import { useRetention } from '../../api/retention';
import { ErrorBox, Loaded } from '../../layout/States';
import { useSetRetention } from './accounts';
import { parseTables, showTables } from './retention';

const TIERS = [
  { key: 'raw', label: 'Rows as collected' },
  { key: '5m', label: 'Rollup of 5 minutes' },
  { key: '1h', label: 'Rollup of 1 hour' },
  { key: 'facts', label: 'Settings and texts' },
] as const;

export function Retention() {
  const retention = useRetention();
  return (
    <div>
      <h2 style={{ margin: 0, fontSize: 15 }}>Retention</h2>
      <Loaded query={retention} what="read the retention" height={120}>
        {(info) => <Form key={JSON.stringify(info)} info={info} />}
      </Loaded>
    </div>
  );
}

function Form({ info }: { info: Schemas['RetentionInfo'] }) {
  const change = useSetRetention();
  const [setting, setSetting] = useState(info.setting);
  const [tables, setTables] = useState(showTables(info.setting.tables ?? {}));
  const parsed = parseTables(tables);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (parsed.tables) change.mutate({ ...setting, tables: parsed.tables });
  };
  return (
    <form onSubmit={submit}>
      <Group align="start" gap="xs" mt="xs">
        {TIERS.map(({ key, label }) => (
          <NumberInput
            key={key}
            size="xs"
            w={150}
            label={label}
            suffix=" days"
            min={1}
            max={36_525}
            allowDecimal={false}
            placeholder={`${info.days[key]} days`}
            value={setting[key] ?? ''}
            onChange={(days) => setSetting({ ...setting, [key]: typeof days === 'number' ? days : null })}
          />
        ))}
        <Textarea
          size="xs"
          w={260}
          label="Single tables"
          placeholder="pg_stat_activity = 7"
          autosize
          minRows={1}
          value={tables}
          error={parsed.problem}
          onChange={(event) => setTables(event.currentTarget.value)}
        />
        <Button type="submit" size="xs" mt={22} variant="default" loading={change.isPending} disabled={!parsed.tables}>
          Save retention
        </Button>
      </Group>
      {change.error ? <ErrorBox what="save the retention" error={change.error} /> : null}
    </form>
  );
}
