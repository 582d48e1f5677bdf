/** The newest text of each statement, by queryid. */
import { useSql } from '../history/useSql';
import { statementTexts } from './statements';

export function useStatementTexts(server: string, ids: string[]): Map<string, string> {
  const list = [...ids].sort().join(',');
  const { data } = useSql(statementTexts, { server, ids: list }, { enabled: server !== '' && list !== '' });
  return new Map(data?.rows.map((row) => [row.queryid, row.query]));
}
