/** The CSV button of the SQL page. The file has the whole result, or says where it ends. */
import { Button, Text } from '@mantine/core';
import { IconDownload } from '@tabler/icons-react';
import { useMutation } from '@tanstack/react-query';
import { runSql } from '../../history/run';
import type { Parameters } from '../../history/sql';
import { ALL_ROWS, csvName, cutNote, toCsv } from './csv';

export function Download({ sql, parameters }: { sql: string; parameters: Parameters }) {
  const download = useMutation({
    mutationFn: () => runSql(sql, parameters, 'console', ALL_ROWS),
    onSuccess: (answer) => save(csvName(answer), toCsv(answer)),
  });
  const { data, error } = download;
  return (
    <>
      {error || data?.truncated ? (
        <Text size="xs" c={error ? 'var(--pga-bad)' : 'var(--pga-warning)'} role="status">
          {error ? `No CSV: ${error.message}` : cutNote(data?.rows.length ?? 0)}
        </Text>
      ) : null}
      <Button
        size="xs"
        variant="default"
        leftSection={<IconDownload size={14} />}
        loading={download.isPending}
        disabled={!sql}
        onClick={() => download.mutate()}
        title="Download the whole result as CSV"
      >
        CSV
      </Button>
    </>
  );
}

function save(name: string, csv: string): void {
  const url = URL.createObjectURL(new Blob([csv], { type: 'text/csv;charset=utf-8' }));
  const anchor = document.createElement('a');
  anchor.href = url;
  anchor.download = name;
  anchor.click();
  URL.revokeObjectURL(url);
}
