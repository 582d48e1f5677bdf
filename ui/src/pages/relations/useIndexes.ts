/** The indexes of a server as trees, each with its verdict: unused, used, or needed for another reason. */
import type { UseQueryResult } from '@tanstack/react-query';
import { useMemo } from 'react';
import { useServer } from '../../address/links';
import { useServers, useViews } from '../../api/facts';
import { type SqlData, useSql } from '../../history/useSql';
import { type Nested, nestIndexes } from './nesting';
import { hasColumns, INDEX_USE, INDEXES, type IndexRow } from './relations.sql';
import { LEAST_OBSERVED_SECONDS, usageByIndex, type Verdict, verdictOf } from './unused';

/** The most servers of a cluster whose scans are compared. */
const MAX_CLUSTER = 32;

interface Indexes {
  query: UseQueryResult<SqlData<IndexRow>, Error>;
  trees: Nested<IndexRow>[];
  /** Null until the use of the indexes is known. */
  verdicts: ReadonlyMap<string, Verdict> | null;
  /** Why there are no verdicts. */
  error: Error | null;
  /** Length of the judged range, in seconds. */
  judged: number;
  /** Servers of the same cluster whose scans count, this server included. */
  servers: string[];
}

export function useIndexes(): Indexes {
  const server = useServer();
  const all = useServers();
  const views = useViews();
  const nested = hasColumns(views.data, 'pg_stat_user_indexes', 'parent_indexrelid', 'is_replica_identity');
  const enabled = server !== '' && !views.isPending;
  const query = useSql(nested ? INDEXES.nested : INDEXES.flat, { server }, { enabled });

  const identifier = all.data?.find((entry) => entry.name === server)?.system_identifier;
  const others = (all.data ?? [])
    .filter((entry) => identifier && entry.system_identifier === identifier && entry.name !== server)
    .map((entry) => entry.name)
    .slice(0, MAX_CLUSTER - 1);
  const parameters = { server, ...Object.fromEntries(others.map((name, i) => [`server_${i + 1}`, name])) };
  const use = useSql(nested ? INDEX_USE.nested : INDEX_USE.flat, parameters, {
    enabled: enabled && !all.isPending,
    atLeast: LEAST_OBSERVED_SECONDS,
  });

  const trees = useMemo(() => nestIndexes(query.data?.rows ?? []), [query.data]);
  const verdicts = useMemo(() => {
    if (!use.data) return null;
    const findUse = usageByIndex(use.data.rows);
    const { from, to } = use.data.window;
    return new Map(trees.map((tree) => [tree.key, verdictOf(tree, findUse, from, to)]));
  }, [trees, use.data]);
  const { from, to } = use.data?.window ?? { from: 0, to: 0 };
  return { query, trees, verdicts, error: use.error, judged: to - from, servers: [server, ...others] };
}
