/** Keyboard shortcuts of all pages: `/` focuses the search, `g` and a letter open a page, `?` opens the help. */
import { useEffect, useRef } from 'react';
import { useNavigate } from 'react-router';
import { usePageHref } from '../address/links';
import { NAV } from './nav';

/** The time that `g` waits for its letter. */
const SEQUENCE_MS = 1200;

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}

export function useKeyboard(onHelp: () => void): void {
  const navigate = useNavigate();
  const href = usePageHref();
  const pending = useRef(0);

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      if (pending.current > event.timeStamp) {
        pending.current = 0;
        const entry = NAV.find((candidate) => candidate.key === event.key);
        if (entry) {
          event.preventDefault();
          navigate(href(entry.path));
        }
        return;
      }
      if (event.key === 'g') {
        pending.current = event.timeStamp + SEQUENCE_MS;
      } else if (event.key === '/') {
        const search = document.querySelector<HTMLInputElement>('[data-search]');
        if (search) {
          event.preventDefault();
          search.focus();
          search.select();
        }
      } else if (event.key === '?') {
        onHelp();
      }
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, [navigate, href, onHelp]);
}
