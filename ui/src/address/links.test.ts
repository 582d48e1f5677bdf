import { describe, expect, it } from 'vitest';
import { pageHref } from './links';

describe('pageHref', () => {
  it('keeps range and server, and drops the page’s own parameters', () => {
    const current = new URLSearchParams('server=db-1:5432&range=6h&q=orders');
    expect(pageHref('tables', current)).toBe('/tables?range=6h&server=db-1%3A5432');
  });
  it('prefers own parameters to shared parameters', () => {
    expect(pageHref('server', new URLSearchParams('server=a'), { server: 'b' })).toBe('/server?server=b');
    expect(pageHref('fleet', new URLSearchParams('server=a'), { server: undefined })).toBe('/fleet');
  });
});
