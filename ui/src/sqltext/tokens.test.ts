import { describe, expect, it } from 'vitest';
import { oneLine, tokenize } from './tokens';

const kinds = (sql: string) =>
  tokenize(sql)
    .filter((token) => token.kind !== 'other')
    .map((token) => `${token.kind}:${token.text}`);

describe('tokenize', () => {
  it.each([
    "select 'it''s', $1, 1.5e3 from \"Odd Name\" -- end",
    'select $tag$ body $1 $tag$ /* open',
    "select 'cut off in the mid",
    'näme ≠ 3 @> $2::int[]',
    '',
  ])('keeps every character of %j', (sql) =>
    expect(
      tokenize(sql)
        .map((token) => token.text)
        .join(''),
    ).toBe(sql),
  );

  it('finds keywords, names, parameters and literals', () => {
    expect(kinds("SELECT a FROM t WHERE b = $1 AND c = 'x' LIMIT 5")).toEqual([
      'keyword:SELECT',
      'name:a',
      'keyword:FROM',
      'name:t',
      'keyword:WHERE',
      'name:b',
      'parameter:$1',
      'keyword:AND',
      'name:c',
      "string:'x'",
      'keyword:LIMIT',
      'number:5',
    ]);
  });
});

describe('oneLine', () => {
  it('turns a line comment into a block comment', () =>
    expect(oneLine('select 1 -- one\n  from t')).toBe('select 1 /* one */ from t'));
});
