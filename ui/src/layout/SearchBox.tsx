/** The page's search box; the key `/` focuses it. The URL changes 200 ms after the last key, so that typing stays smooth. */
import { CloseButton, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { IconSearch } from '@tabler/icons-react';
import { useEffect, useRef, useState } from 'react';

interface SearchBoxProps {
  value: string;
  onChange: (value: string) => void;
  label: string;
}

const DELAY_MS = 200;

export function SearchBox({ value, onChange, label }: SearchBoxProps) {
  const [text, setText] = useState(value);
  const sent = useRef(value);
  const send = useDebouncedCallback((next: string) => {
    sent.current = next;
    onChange(next);
  }, DELAY_MS);

  // Back and links can change the value.
  useEffect(() => {
    if (value !== sent.current) {
      sent.current = value;
      setText(value);
    }
  }, [value]);

  const change = (next: string) => {
    setText(next);
    send(next);
  };
  return (
    <TextInput
      size="xs"
      w={{ base: '100%', xs: 260 }}
      placeholder={`${label}…`}
      aria-label={label}
      data-search
      leftSection={<IconSearch size={14} />}
      rightSection={text ? <CloseButton size="xs" aria-label="Clear the search" onClick={() => change('')} /> : null}
      value={text}
      onChange={(event) => change(event.currentTarget.value)}
      onKeyDown={(event) => {
        if (event.key === 'Escape') event.currentTarget.blur();
      }}
    />
  );
}
