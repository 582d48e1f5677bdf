import { expect, it } from 'vitest';
import { EXAMPLES } from './examples';

it.each(EXAMPLES)('$title divides rates by covered seconds, not by the length of a bin', ({ sql }) => {
  expect(sql).not.toMatch(/\/ *60/);
});
