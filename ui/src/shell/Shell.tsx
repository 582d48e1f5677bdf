/** The frame of every page: header with server and range, sidebar from nav.ts, skip link, keyboard shortcuts. */
import {
  ActionIcon,
  AppShell,
  Burger,
  Group,
  Menu,
  NavLink,
  Text,
  UnstyledButton,
  useMantineColorScheme,
} from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconDeviceDesktop, IconKeyboard, IconLogout, IconMoon, IconSun, IconUserCircle } from '@tabler/icons-react';
import { useIsFetching, useQueryClient } from '@tanstack/react-query';
import { Suspense, useCallback } from 'react';
import { Link, Outlet, useLocation } from 'react-router';
import { usePageHref } from '../address/links';
import { SESSION_KEY, signOut, useSession } from '../api/facts';
import { RangePicker } from '../range/RangePicker';
import { Help } from './Help';
import { useKeyboard } from './keyboard';
import { NAV, navEntry } from './nav';
import { PageBoundary } from './PageBoundary';
import { ServerPicker } from './ServerPicker';
import classes from './Shell.module.css';

export function Shell() {
  const [navOpened, nav] = useDisclosure(false);
  const [helpOpened, help] = useDisclosure(false);
  const location = useLocation();
  const path = location.pathname.replace(/^\//, '');
  const current = navEntry(path);
  const href = usePageHref();
  useKeyboard(useCallback(() => help.open(), [help.open]));

  return (
    <AppShell
      header={{ height: { base: current?.timed ? 98 : 52, sm: 52 } }}
      navbar={{ width: 184, breakpoint: 'sm', collapsed: { mobile: !navOpened } }}
      padding={{ base: 'sm', sm: 'md' }}
    >
      <a href="#main" className="skip">
        Skip to content
      </a>
      <AppShell.Header className={classes.header}>
        <Progress />
        <div className={classes.bar}>
          <Burger opened={navOpened} onClick={nav.toggle} hiddenFrom="sm" size="sm" aria-label="Navigation" />
          <UnstyledButton
            component={Link}
            to={href('fleet')}
            className={classes.brand}
            aria-label="pgAnalytics: go to the fleet"
          >
            <img src="./favicon.svg" alt="" width={22} height={22} />
            <span className={classes.word}>pgAnalytics</span>
          </UnstyledButton>
          {current?.perServer ? <ServerPicker /> : null}
          <div className={classes.range}>{current?.timed ? <RangePicker /> : null}</div>
          <div className={classes.user}>
            <UserMenu onHelp={help.open} />
          </div>
        </div>
      </AppShell.Header>
      <AppShell.Navbar p="xs" className={classes.navbar} aria-label="Pages">
        {NAV.map((entry, i) => (
          <NavLink
            key={entry.path}
            component={Link}
            to={href(entry.path)}
            label={entry.label}
            leftSection={<entry.icon size={17} stroke={1.6} />}
            active={entry === current}
            aria-current={entry === current ? 'page' : undefined}
            onClick={nav.close}
            className={classes.link}
            data-apart={i > 0 && entry.perServer !== NAV[i - 1]?.perServer ? true : undefined}
          />
        ))}
      </AppShell.Navbar>
      <AppShell.Main id="main">
        <PageBoundary place={path}>
          <Suspense>
            <Outlet />
          </Suspense>
        </PageBoundary>
      </AppShell.Main>
      <Help opened={helpOpened} onClose={help.close} />
    </AppShell>
  );
}

/** A thin line at the top while data loads. It covers no content. */
function Progress() {
  const busy = useIsFetching({ queryKey: ['sql'] }) > 0;
  return <div className={classes.progress} data-busy={busy || undefined} aria-hidden />;
}

function UserMenu({ onHelp }: { onHelp: () => void }) {
  const { data: user } = useSession();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const client = useQueryClient();
  const leave = async () => {
    await signOut();
    client.clear();
    client.setQueryData(SESSION_KEY, null);
  };
  return (
    <Menu position="bottom-end" shadow="md" width={210}>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" size={34} aria-label="Account, theme and help">
          <IconUserCircle size={21} stroke={1.6} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          <Text size="xs">
            {user?.name} · {user?.role}
          </Text>
        </Menu.Label>
        <Menu.Divider />
        <Menu.Label>Theme</Menu.Label>
        {(
          [
            ['auto', 'Same as system', IconDeviceDesktop],
            ['light', 'Light', IconSun],
            ['dark', 'Dark', IconMoon],
          ] as const
        ).map(([value, label, Icon]) => (
          <Menu.Item
            key={value}
            leftSection={<Icon size={16} />}
            fw={colorScheme === value ? 600 : 400}
            onClick={() => setColorScheme(value)}
          >
            {label}
          </Menu.Item>
        ))}
        <Menu.Divider />
        <Menu.Item leftSection={<IconKeyboard size={16} />} onClick={onHelp}>
          <Group justify="space-between">Keys and gestures</Group>
        </Menu.Item>
        <Menu.Item leftSection={<IconLogout size={16} />} onClick={() => void leave()}>
          Sign out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
