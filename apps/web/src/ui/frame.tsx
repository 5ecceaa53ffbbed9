import {
  ActionIcon,
  Alert,
  Anchor,
  AppShell,
  Burger,
  Group,
  Indicator,
  Menu,
  NavLink,
  Text,
  Tooltip,
} from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { Spotlight, spotlight } from '@mantine/spotlight';
import {
  IconActivity,
  IconArchive,
  IconDatabase,
  IconDisc,
  IconHistory,
  IconKey,
  IconKeyboard,
  IconLayoutDashboard,
  IconListDetails,
  IconLogout,
  IconSearch,
  IconServer,
  IconSettings,
  IconShieldCheck,
  IconStack2,
  IconUser,
  IconUsers,
} from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link, Outlet, useLocation, useNavigate } from '@tanstack/react-router';
import { useEffect, useSyncExternalStore } from 'react';
import { useTranslation } from 'react-i18next';
import type { Permission } from '../api/client.ts';
import { queries } from '../api/queries.ts';
import { useLink } from '../live/live.tsx';
import { OperationsDrawer } from '../operations/drawer.tsx';
import { onOperationsState, operationsState, toggleOperations } from '../operations/drawer-state.ts';
import { ConfirmDialog } from '../session/confirm-dialog.tsx';
import { useMay, useMe, useSession } from '../session/session.tsx';
import { Ago } from './ago.tsx';
import { useKeys } from './keys.ts';
import { KeysHelp } from './keys-help.tsx';
import { useAppliedPreferences } from '../settings/preferences.ts';

const pages = [
  { to: '/', key: 'overview', icon: IconLayoutDashboard, go: 'o', needs: undefined },
  { to: '/machines', key: 'machines', icon: IconStack2, go: 'm', needs: 'vm:read' },
  { to: '/hosts', key: 'hosts', icon: IconServer, go: 'h', needs: 'host:read' },
  { to: '/images', key: 'images', icon: IconDisc, go: 'i', needs: 'host:read' },
  { to: '/volumes', key: 'volumes', icon: IconDatabase, go: 'v', needs: 'host:read' },
  { to: '/operations', key: 'operations', icon: IconListDetails, go: 'p', needs: 'operation:read' },
  { to: '/events', key: 'events', icon: IconActivity, go: 'e', needs: 'event:read' },
  { to: '/archive', key: 'archive', icon: IconArchive, go: 'a', needs: 'archive:read' },
  { to: '/users', key: 'users', icon: IconUsers, go: 'u', needs: 'user:manage' },
  { to: '/tokens', key: 'tokens', icon: IconKey, go: 't', needs: 'token:manage' },
  { to: '/audit', key: 'audit', icon: IconShieldCheck, go: 'l', needs: 'audit:read' },
  { to: '/settings', key: 'settings', icon: IconSettings, go: 's', needs: undefined },
] as const;

/** A name, in no language. */
const product = 'Polyvirt';

export const pageKeys = pages.map(({ key, go }) => ({ key, go }));

/** What surrounds every page: where one can go, how the connection is, what is being done. */
export function Frame() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { pathname } = useLocation();
  const may = useMay();
  const [menuOpen, menu] = useDisclosure();
  const [helpOpen, help] = useDisclosure();
  const { open, asked } = useSyncExternalStore(onOperationsState, operationsState);
  useAppliedPreferences();
  const shown = pages.filter(({ needs }) => needs === undefined || may(needs as Permission));
  const current = shown.findLast(({ to }) => (to === '/' ? pathname === '/' : pathname.startsWith(to)));
  const title = current ? t(`nav.${current.key}`) : t('nav.machines');
  useEffect(() => {
    document.title = `${title} · ${product}`;
  }, [title]);

  useKeys({
    ...Object.fromEntries(shown.map(({ to, go }) => [`g ${go}`, () => void navigate({ to })])),
    c: () => may('vm:create') && void navigate({ to: '/create' }),
    o: toggleOperations,
    '?': help.open,
  });

  return (
    <AppShell
      header={{ height: 52 }}
      navbar={{ width: 200, breakpoint: 'sm', collapsed: { mobile: !menuOpen } }}
      aside={{ width: 340, breakpoint: 'md', collapsed: { desktop: !open, mobile: !asked } }}
      padding="md"
    >
      <AppShell.Header>
        <Group h="100%" px="md" justify="space-between" wrap="nowrap">
          <Group gap="sm" wrap="nowrap">
            <Burger
              opened={menuOpen}
              onClick={menu.toggle}
              hiddenFrom="sm"
              size="sm"
              aria-label={t('nav.menu')}
              aria-expanded={menuOpen}
            />
            <Anchor component={Link} to="/" fw={700} c="inherit" underline="never">
              {product}
            </Anchor>
          </Group>
          <Group gap="xs" wrap="nowrap">
            <Tooltip label={t('palette.open')}>
              <ActionIcon variant="default" size="lg" aria-label={t('palette.open')} onClick={spotlight.open}>
                <IconSearch size={18} />
              </ActionIcon>
            </Tooltip>
            <OperationsButton />
            <ActionIcon variant="default" size="lg" aria-label={t('keys.title')} onClick={help.open} visibleFrom="sm">
              <IconKeyboard size={18} />
            </ActionIcon>
            <UserMenu />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="xs" aria-label={t('nav.title')}>
        {shown.map(({ to, key, icon: Icon }) => (
          <NavLink
            key={to}
            component={Link}
            to={to}
            label={t(`nav.${key}`)}
            leftSection={<Icon size={18} aria-hidden />}
            active={current?.to === to}
            {...(current?.to === to && { 'aria-current': 'page' as const })}
            onClick={menu.close}
          />
        ))}
      </AppShell.Navbar>
      <AppShell.Main>
        <LinkBar />
        <Outlet />
      </AppShell.Main>
      <AppShell.Aside p="sm" aria-label={t('nav.operations')}>
        {open && <OperationsDrawer />}
      </AppShell.Aside>
      <KeysHelp opened={helpOpen} onClose={help.close} />
      <ConfirmDialog />
      <Spotlight
        shortcut={['mod + K']}
        nothingFound={t('palette.nothing')}
        searchProps={{ placeholder: t('palette.placeholder'), 'aria-label': t('palette.placeholder') }}
        actions={[
          ...shown.map(({ to, key }) => ({ id: key, label: t(`nav.${key}`), onClick: () => void navigate({ to }) })),
          ...(may('vm:create')
            ? [{ id: 'create', label: t('machines.create'), onClick: () => void navigate({ to: '/create' }) }]
            : []),
        ]}
      />
      <div className="visually-hidden" aria-live="polite">
        {title}
      </div>
    </AppShell>
  );
}

function OperationsButton() {
  const { t } = useTranslation();
  const may = useMay();
  const { data = [] } = useQuery({ ...queries.operations(), enabled: may('operation:read') });
  const running = data.filter(({ status }) => status === 'running' || status === 'pending').length;
  if (!may('operation:read')) return null;
  const label = t('operations.open', { count: running });
  return (
    <Tooltip label={label}>
      <Indicator label={running} disabled={running === 0} size={16} color="indigo.8">
        <ActionIcon variant="default" size="lg" aria-label={label} onClick={toggleOperations}>
          <IconHistory size={18} />
        </ActionIcon>
      </Indicator>
    </Tooltip>
  );
}

function UserMenu() {
  const { t } = useTranslation();
  const { user } = useMe();
  const { logOut } = useSession();
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <ActionIcon variant="default" size="lg" aria-label={t('user.menu', { name: user.username })}>
          <IconUser size={18} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          {user.username} · {t(`role.${user.role}`)}
        </Menu.Label>
        <Menu.Item component={Link} to="/settings" leftSection={<IconSettings size={16} />}>
          {t('nav.settings')}
        </Menu.Item>
        <Menu.Item leftSection={<IconLogout size={16} />} onClick={() => void logOut()}>
          {t('user.logOut')}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

/** What was known stays on the page; this says how old it is. */
function LinkBar() {
  const { t } = useTranslation();
  const { state, lostAt } = useLink();
  if (state !== 'lost' || lostAt === undefined) return null;
  return (
    <Alert color="orange" variant="outline" mb="md" role="status" data-link="lost">
      <Text size="sm">
        {t('link.lost')} (<Ago at={new Date(lostAt).toISOString()} />)
      </Text>
    </Alert>
  );
}
