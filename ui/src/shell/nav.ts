/** The sidebar as data: entries in order, with their keys. A new page needs an entry here and in routes.tsx. */
import {
  IconActivity,
  IconApi,
  IconListDetails,
  IconListSearch,
  IconPlugConnected,
  IconServer2,
  IconSettings,
  IconTable,
  IconTerminal2,
} from '@tabler/icons-react';

export interface NavEntry {
  path: string;
  label: string;
  /** The key after `g`. */
  key: string;
  icon: typeof IconServer2;
  /** Whether the page shows one server, which the header selects. */
  perServer: boolean;
  /** Whether the page uses the time range. */
  timed: boolean;
  /** Paths of pages without an entry of their own that belong to this entry. */
  children?: string[];
}

export const NAV: readonly NavEntry[] = [
  { path: 'fleet', label: 'Fleet', key: 'f', icon: IconServer2, perServer: false, timed: true },
  { path: 'server', label: 'Overview', key: 'o', icon: IconActivity, perServer: true, timed: true },
  {
    path: 'queries',
    label: 'Queries',
    key: 'q',
    icon: IconListSearch,
    perServer: true,
    timed: true,
    children: ['query'],
  },
  { path: 'tables', label: 'Tables', key: 't', icon: IconTable, perServer: true, timed: true },
  { path: 'indexes', label: 'Indexes', key: 'i', icon: IconListDetails, perServer: true, timed: true },
  { path: 'sql', label: 'SQL', key: 's', icon: IconTerminal2, perServer: false, timed: true },
  { path: 'reference', label: 'API', key: 'a', icon: IconApi, perServer: false, timed: false },
  { path: 'collectors', label: 'Collectors', key: 'c', icon: IconPlugConnected, perServer: false, timed: false },
  { path: 'settings', label: 'Settings', key: ',', icon: IconSettings, perServer: false, timed: false },
];

export function navEntry(path: string): NavEntry | undefined {
  return NAV.find((entry) => entry.path === path || entry.children?.includes(path));
}
