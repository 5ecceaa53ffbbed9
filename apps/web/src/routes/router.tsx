import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from '@tanstack/react-router';
import { Frame } from '../ui/frame.tsx';
import { NotFound } from './not-found.tsx';
import { RouteProblem } from './route-problem.tsx';

const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

const root = createRootRoute({ component: Frame, notFoundComponent: NotFound, errorComponent: RouteProblem });

// Everything that a page shows is in its address: filter, order, tab, range.
const overview = createRoute({
  getParentRoute: () => root,
  path: '/',
  component: lazyRouteComponent(() => import('../overview/overview.tsx'), 'Overview'),
});
export const machinesRoute = createRoute({
  getParentRoute: () => root,
  path: '/machines',
  validateSearch: (search: Record<string, unknown>): { q?: string; sort?: string; columns?: string } => ({
    ...(text(search['q']) && { q: text(search['q'])! }),
    ...(text(search['sort']) && { sort: text(search['sort'])! }),
    ...(text(search['columns']) && { columns: text(search['columns'])! }),
  }),
  component: lazyRouteComponent(() => import('../machines/machines.tsx'), 'Machines'),
});
export const machineTabs = [
  'overview',
  'metrics',
  'console',
  'snapshots',
  'devices',
  'events',
  'operations',
  'definition',
  'archive',
] as const;
export type MachineTab = (typeof machineTabs)[number];
export const consoleKinds = ['graphic', 'text'] as const;
export type ConsoleKind = (typeof consoleKinds)[number];
export const machineRoute = createRoute({
  getParentRoute: () => root,
  path: '/machines/$vmId',
  validateSearch: (
    search: Record<string, unknown>,
  ): { tab?: MachineTab; range?: string; await?: 'address'; console?: ConsoleKind } => ({
    ...(machineTabs.includes(search['tab'] as MachineTab) && { tab: search['tab'] as MachineTab }),
    ...(search['await'] === 'address' && { await: 'address' as const }),
    ...(consoleKinds.includes(search['console'] as ConsoleKind) && { console: search['console'] as ConsoleKind }),
    ...(text(search['range']) && { range: text(search['range'])! }),
  }),
  component: lazyRouteComponent(() => import('../machine/machine.tsx'), 'Machine'),
});
export const createRouteOfMachine = createRoute({
  getParentRoute: () => root,
  path: '/create',
  validateSearch: (search: Record<string, unknown>): { host?: string } =>
    text(search['host']) ? { host: text(search['host'])! } : {},
  component: lazyRouteComponent(() => import('../create/create.tsx'), 'Create'),
});
export const operationsRoute = createRoute({
  getParentRoute: () => root,
  path: '/operations',
  validateSearch: (search: Record<string, unknown>): { status?: string; verb?: string; requestedBy?: string } => ({
    ...(text(search['status']) && { status: text(search['status'])! }),
    ...(text(search['verb']) && { verb: text(search['verb'])! }),
    ...(text(search['requestedBy']) && { requestedBy: text(search['requestedBy'])! }),
  }),
  component: lazyRouteComponent(() => import('../operations/operations.tsx'), 'Operations'),
});
const hosts = createRoute({
  getParentRoute: () => root,
  path: '/hosts',
  component: lazyRouteComponent(() => import('../hosts/hosts.tsx'), 'Hosts'),
});
export const volumesRoute = createRoute({
  getParentRoute: () => root,
  path: '/volumes',
  validateSearch: (search: Record<string, unknown>): { host?: string } =>
    text(search['host']) ? { host: text(search['host'])! } : {},
  component: lazyRouteComponent(() => import('../volumes/volumes.tsx'), 'Volumes'),
});
export const imagesRoute = createRoute({
  getParentRoute: () => root,
  path: '/images',
  validateSearch: (search: Record<string, unknown>): { host?: string; q?: string } => ({
    ...(text(search['host']) && { host: text(search['host'])! }),
    ...(text(search['q']) && { q: text(search['q'])! }),
  }),
  component: lazyRouteComponent(() => import('../images/images.tsx'), 'Images'),
});
export const eventsRoute = createRoute({
  getParentRoute: () => root,
  path: '/events',
  validateSearch: (search: Record<string, unknown>): { q?: string } =>
    text(search['q']) ? { q: text(search['q'])! } : {},
  component: lazyRouteComponent(() => import('../events/events.tsx'), 'Events'),
});
export const archiveRoute = createRoute({
  getParentRoute: () => root,
  path: '/archive',
  validateSearch: (search: Record<string, unknown>): { q?: string; vm?: string } => ({
    ...(text(search['q']) && { q: text(search['q'])! }),
    ...(text(search['vm']) && { vm: text(search['vm'])! }),
  }),
  component: lazyRouteComponent(() => import('../archive/archive.tsx'), 'ArchivePage'),
});
const users = createRoute({
  getParentRoute: () => root,
  path: '/users',
  component: lazyRouteComponent(() => import('../identity/users.tsx'), 'Users'),
});
const tokens = createRoute({
  getParentRoute: () => root,
  path: '/tokens',
  component: lazyRouteComponent(() => import('../identity/tokens.tsx'), 'Tokens'),
});
export const auditRoute = createRoute({
  getParentRoute: () => root,
  path: '/audit',
  validateSearch: (search: Record<string, unknown>): { actor?: string; outcome?: string } => ({
    ...(text(search['actor']) && { actor: text(search['actor'])! }),
    ...(text(search['outcome']) && { outcome: text(search['outcome'])! }),
  }),
  component: lazyRouteComponent(() => import('../identity/audit.tsx'), 'Audit'),
});
const settings = createRoute({
  getParentRoute: () => root,
  path: '/settings',
  component: lazyRouteComponent(() => import('../settings/settings.tsx'), 'Settings'),
});

export const router = createRouter({
  routeTree: root.addChildren([
    ...[overview, machinesRoute, machineRoute, createRouteOfMachine, operationsRoute, hosts, imagesRoute],
    ...[volumesRoute, eventsRoute, archiveRoute, users, tokens, auditRoute, settings],
  ]),
  defaultPreload: 'intent',
  scrollRestoration: true,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
