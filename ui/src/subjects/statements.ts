/** SQL of statement texts by queryid, and block sizes. Pure. */
import { defineSql, since } from '../history/sql';

/** PostgreSQL's block size. Servers that are built with another size are rare. */
const BLOCK_BYTES = 8192;

/** Blocks as bytes. */
export function blockBytes(blocks: number | null): number | null {
  return blocks === null ? null : blocks * BLOCK_BYTES;
}

/** A text is shipped once a day while its statement is active, so two days contain it. */
const TEXT_LOOKBACK = '2 days';

/** The newest text of each queryid of a server, for a `with` clause. */
export const latestTexts = `
  select queryid, last_value(query order by ts) as query
  from pg_stat_statements_text
  where server = $server and ${since(TEXT_LOOKBACK)}
  group by queryid`;

const INTEGER = /^-?\d{1,19}$/;

/** Ids as an SQL list. A parameter cannot be a list, so the ids are part of the text. Only integers are accepted. */
export function idList(ids: string[]): string {
  const checked = ids.filter((id) => INTEGER.test(id));
  return checked.length > 0 ? checked.join(', ') : 'null';
}

export const statementTexts = defineSql<{ queryid: string; query: string }, { server: string; ids: string }>({
  name: 'statement-texts',
  interval: 60,
  text: (_window, { ids }) => `
select cast(queryid as varchar) as queryid, last_value(query order by ts) as query
from pg_stat_statements_text
where server = $server and ${since(TEXT_LOOKBACK)} and $ids <> '' and queryid in (${idList(ids.split(','))})
group by queryid`,
});
