/** The Indexes page: which indexes may be dropped, and how large are they? */
import { SegmentedControl } from '@mantine/core';
import { useMemo } from 'react';
import { useParam, useServer } from '../../address/links';
import { formatBytes, formatCount, formatLong } from '../../format/numbers';
import { SearchBox } from '../../layout/SearchBox';
import { Empty, ErrorBox, Loaded, PageHeader } from '../../layout/States';
import { useZone } from '../../range/RangeProvider';
import { DataTable } from '../../table/DataTable';
import { indexColumns } from './indexColumns';
import { useOpenRows } from './NestedName';
import { flat, type Nested, totalSize } from './nesting';
import classes from './Relations.module.css';
import { relationMatches } from './relations';
import type { IndexRow } from './relations.sql';
import { LEAST_OBSERVED_SECONDS, type Verdict } from './unused';
import { useIndexes } from './useIndexes';

type Which = 'all' | Extract<Verdict, 'unused' | 'new'>;

export default function Indexes() {
  const server = useServer();
  const [search, setSearch] = useParam('search');
  const [whichText, setWhich] = useParam('which', 'all');
  const which: Which = whichText === 'unused' || whichText === 'new' ? whichText : 'all';
  const { query, trees, verdicts, error, judged, servers } = useIndexes();
  const [zone] = useZone();
  const { isOpen, toggle } = useOpenRows();
  // A search looks at all relations, so its result is flat.
  const isFlat = search !== '';
  const columns = useMemo(
    () => indexColumns(zone, verdicts, isFlat ? null : { isOpen, toggle }),
    [zone, verdicts, isFlat, isOpen, toggle],
  );
  const nesting = useMemo(
    () =>
      isFlat
        ? undefined
        : { childrenOf: (row: Nested<IndexRow>) => row.children, isOpen: (row: Nested<IndexRow>) => isOpen(row.key) },
    [isFlat, isOpen],
  );
  const ofVerdict = (verdict: Verdict) => trees.filter((tree) => verdicts?.get(tree.key) === verdict);
  const [unused, young] = [ofVerdict('unused'), ofVerdict('new')];
  const chosen = { all: trees, unused, new: young }[which];
  const shown = isFlat ? flat(chosen).filter((row) => relationMatches(row, search)) : chosen;
  const count = (rows: unknown[]) => (verdicts ? formatCount(rows.length) : '…');
  return (
    <>
      <title>{`Indexes · ${server} · pgAnalytics`}</title>
      <PageHeader title="Indexes" />
      {error ? <ErrorBox what="read the use of the indexes" error={error} /> : null}
      <Loaded query={query} what="read the indexes" height={420}>
        {({ rows }) =>
          rows.length === 0 ? (
            <Empty title="No indexes in this range">
              The collector reads the indexes of user tables in every database that it can connect to. They appear
              within minutes of its start.
            </Empty>
          ) : (
            <DataTable
              label="Indexes"
              rows={shown}
              columns={columns}
              rowKey={(row) => row.key}
              defaultSort="-size"
              nesting={nesting}
              fill
              empty={isFlat ? 'No index matches.' : EMPTY[which]}
              toolbar={
                <>
                  <SearchBox value={search} onChange={setSearch} label="Search indexes" />
                  <SegmentedControl
                    size="xs"
                    aria-label="Which indexes"
                    value={which}
                    onChange={setWhich}
                    data={[
                      { value: 'all', label: `All ${formatCount(trees.length)}` },
                      { value: 'unused', label: `Unused ${count(unused)}` },
                      { value: 'new', label: `Not seen long enough ${count(young)}` },
                    ]}
                  />
                  {which === 'all' ? null : (
                    <span className={classes.note}>
                      {which === 'unused'
                        ? `${formatBytes(totalSize(unused))} without a scan for ${formatLong(judged)} on ${servers.join(', ')}. Check standbys that are not watched before you drop an index.`
                        : `No scan so far, but read for less than ${formatLong(LEAST_OBSERVED_SECONDS)}.`}
                    </span>
                  )}
                </>
              }
            />
          )
        }
      </Loaded>
    </>
  );
}

const EMPTY: Record<Which, string> = {
  all: 'No indexes.',
  unused:
    'No unused index. Keys, unique indexes, constraints, replica identities and partitions of an index are not listed, nor are indexes that were read for less than 7 days.',
  new: 'No index waits for a judgement.',
};
