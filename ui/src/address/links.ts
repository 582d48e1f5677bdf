/** State in the query string: links that keep the range and the server, single parameters, and the server itself. */
import { useCallback } from 'react';
import { useSearchParams } from 'react-router';

const SHARED = ['range', 'from', 'to', 'server'];

/** The address of a page: shared parameters of the current address, overridden by the page's own parameters. */
export function pageHref(path: string, current: URLSearchParams, own: Record<string, string | undefined> = {}): string {
  const search = new URLSearchParams();
  for (const key of SHARED) {
    const value = current.get(key);
    if (value) search.set(key, value);
  }
  for (const [key, value] of Object.entries(own)) {
    if (value === undefined || value === '') search.delete(key);
    else search.set(key, value);
  }
  const text = search.toString();
  return `/${path}${text ? `?${text}` : ''}`;
}

export function usePageHref(): (path: string, own?: Record<string, string | undefined>) => string {
  const [search] = useSearchParams();
  return useCallback((path, own) => pageHref(path, search, own), [search]);
}

/** One parameter of the page. An empty value is removed from the address. */
export function useParam(key: string, fallback = ''): [string, (value: string) => void] {
  const [search, setSearch] = useSearchParams();
  const set = useCallback(
    (value: string) =>
      setSearch(
        (current) => {
          const next = new URLSearchParams(current);
          if (value === '' || value === fallback) next.delete(key);
          else next.set(key, value);
          return next;
        },
        { replace: true, preventScrollReset: true },
      ),
    [key, fallback, setSearch],
  );
  return [search.get(key) ?? fallback, set];
}

/** The server in the address; empty without one. */
export function useServer(): string {
  const [search] = useSearchParams();
  return search.get('server') ?? '';
}
