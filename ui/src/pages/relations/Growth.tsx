/** Growth in bytes with its sign. No growth is dimmed. */
import { formatBytes, NOTHING } from '../../format/numbers';

export function Growth({ bytes }: { bytes: number | null }) {
  if (bytes === null) return NOTHING;
  if (bytes === 0) return <span style={{ color: 'var(--mantine-color-dimmed)' }}>0 B</span>;
  return `${bytes > 0 ? '+' : '−'}${formatBytes(Math.abs(bytes))}`;
}
