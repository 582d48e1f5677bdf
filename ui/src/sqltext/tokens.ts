/** A small lexer for PostgreSQL's SQL, for colours only. It never fails, and its joined tokens are the text. */

export type TokenKind = 'keyword' | 'string' | 'number' | 'parameter' | 'comment' | 'name' | 'other';

export interface Token {
  kind: TokenKind;
  text: string;
}

const KEYWORDS = new Set(
  `all alter analyze and any array as asc begin between by call case cast check cluster commit conflict constraint copy create cross
  current_date current_timestamp declare default delete desc distinct do drop else end except exists explain extract false fetch filter
  for foreign from full function grant group having ilike in index inner insert intersect interval into is join key last lateral left like
  limit listen lock natural not notify null nulls offset on only or order outer over partition prepare primary refresh references reindex
  release returning revoke right rollback row rows savepoint select set share similar some start table temp then to transaction trigger
  true truncate union unique unlisten update using vacuum values view when where window with work`.split(/\s+/),
);

const PATTERN =
  /(--[^\n]*|\/\*[\s\S]*?(?:\*\/|$))|((?:[eE])?'(?:[^']|'')*(?:'|$)|\$([A-Za-z_]*)\$[\s\S]*?(?:\$\3\$|$))|(\$\d+|\$[A-Za-z_]\w*)|("(?:[^"]|"")*(?:"|$)|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)|(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(\s+|[^\s\w])/g;

export function tokenize(sql: string): Token[] {
  const tokens: Token[] = [];
  for (const match of sql.matchAll(PATTERN)) {
    const [text, comment, string, , parameter, word, number] = match;
    tokens.push({ kind: kindOf(comment, string, parameter, word, number), text });
  }
  return tokens;
}

function kindOf(comment?: string, string?: string, parameter?: string, word?: string, number?: string): TokenKind {
  if (comment !== undefined) return 'comment';
  if (string !== undefined) return 'string';
  if (parameter !== undefined) return 'parameter';
  if (word !== undefined) return KEYWORDS.has(word.toLowerCase()) ? 'keyword' : 'name';
  return number !== undefined ? 'number' : 'other';
}

/** The text on one line. Line comments become block comments, and each run of white space becomes one blank. */
export function oneLine(sql: string): string {
  return sql
    .replace(/--([^\n]*)\n/g, '/*$1 */ ')
    .replace(/\s+/g, ' ')
    .trim();
}
