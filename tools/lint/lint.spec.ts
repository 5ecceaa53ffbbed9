import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { Linter } from 'eslint';
import tseslint from 'typescript-eslint';
import { boundaries } from './boundaries.mjs';
import { hooksInComponents } from './hooks.mjs';
import { noEnvOutsideConfig, noSubjectLiteral, routeHasPermission } from './house-rules.mjs';
import { textInCatalogues } from './page-texts.mjs';

const root = join(import.meta.dirname, '../..');

function complaints(file: string, code: string): string[] {
  const linter = new Linter({ cwd: root });
  const messages = linter.verify(
    code,
    {
      files: ['**/*.{ts,tsx}'],
      languageOptions: {
        parser: tseslint.parser as Linter.Parser,
        parserOptions: { ecmaFeatures: { jsx: file.endsWith('x') } },
      },
      plugins: {
        house: {
          rules: {
            boundaries,
            env: noEnvOutsideConfig,
            subject: noSubjectLiteral,
            route: routeHasPermission,
            text: textInCatalogues,
            hooks: hooksInComponents,
          },
        } as never,
      },
      rules: {
        'house/boundaries': 'error',
        'house/env': 'error',
        'house/subject': 'error',
        'house/route': 'error',
        ...(file.startsWith('apps/web/') && { 'house/text': 'error', 'house/hooks': 'error' }),
      },
    },
    { filename: join(root, file) },
  );
  return messages.map((message) => message.message);
}

describe('the lint rules of the house', () => {
  it('let a library import only what its layer may', () => {
    expect(complaints('libs/contracts/src/x.ts', `import { connectBus } from '@polyvirt/bus';`)).toHaveLength(1);
    expect(complaints('apps/gateway/src/x.ts', `export * from '@polyvirt/agent-kit';`)).toHaveLength(1);
    expect(complaints('apps/kvm-agent/src/x.ts', `import { Libvirt } from '@polyvirt/node-libvirt';`)).toEqual([]);
    expect(complaints('apps/gateway/src/x.ts', `import { connectBus } from '@polyvirt/bus';`)).toEqual([]);
  });

  it('let only tests use a simulator, and only what it has for them', () => {
    const kit = `import { TestClock } from '@polyvirt/vmrun-simulator/testing';`;
    expect(complaints('apps/vmware-agent/src/testing/x.ts', kit)).toEqual([]);
    expect(complaints('apps/vmware-agent/src/x.simulator.ts', kit)).toEqual([]);
    expect(complaints('apps/vmware-agent/src/x.ts', kit)).toHaveLength(1);
    expect(complaints('apps/vmware-agent/src/x.spec.ts', `import '@polyvirt/vmrun-simulator';`)).toHaveLength(1);
  });

  it('keep NATS in the bus and the database in the gateway', () => {
    expect(complaints('apps/organizer/src/x.ts', `import { connect } from '@nats-io/transport-node';`)).toHaveLength(1);
    expect(complaints('libs/bus/src/x.ts', `import { connect } from '@nats-io/transport-node';`)).toEqual([]);
    expect(complaints('apps/organizer/src/x.ts', `import { DataSource } from 'typeorm';`)).toHaveLength(1);
    expect(complaints('apps/gateway/src/x.ts', `import { DataSource } from 'typeorm';`)).toEqual([]);
  });

  it('refuse a route that declares no permission', () => {
    const route = (decorators: string, onClass = '') =>
      `${onClass} class VmController { @Get() ${decorators} list() {} }`;
    expect(complaints('apps/gateway/src/x.ts', route(''))).toHaveLength(1);
    expect(complaints('apps/gateway/src/x.ts', route(`@RequirePermission('vm:read')`))).toEqual([]);
    expect(complaints('apps/gateway/src/x.ts', route('@Accepts(startVm)'))).toEqual([]);
    expect(complaints('apps/gateway/src/x.ts', route('', '@Public()'))).toEqual([]);
  });

  it('refuse reading the environment', () => {
    expect(complaints('apps/gateway/src/x.ts', `const port = process.env.PORT;`)).toHaveLength(1);
    expect(complaints('apps/gateway/src/x.ts', `const pid = process.pid;`)).toEqual([]);
  });

  it('refuse a subject, stream or bucket that is spelt out', () => {
    expect(complaints('apps/gateway/src/x.ts', 'const s = `polyvirt.v1.event.${host}.vm.created`;')).toHaveLength(1);
    expect(complaints('apps/gateway/src/x.ts', `const s = 'POLYVIRT_EVENTS';`)).toHaveLength(1);
    expect(complaints('apps/gateway/src/x.ts', `const s = 'polyvirt';`)).toEqual([]);
  });

  it.each([
    '<p>ok</p>',
    "<p>{gone ? 'gone' : name}</p>",
    "<p>{gone && 'gone'}</p>",
    '<p>{`${count} left`}</p>',
    '<button aria-label="go" />',
    "<Field label={long ? 'name' : undefined} />",
    "<Card footer={'Nothing yet'} />",
    "<Row {...{ hint: 'It has gone' }} />",
    "notify({ message: 'It has gone' })",
    "document.title = 'Machines'",
    "const words = { start: 'Start', stop: 'Stop' }",
    "const verb = (n: number) => (n === 1 ? 'one machine' : `${n} machines`)",
  ])('refuse a text of the console outside of its catalogues: %s', (code) => {
    expect(complaints('apps/web/src/x.tsx', `export const x = () => { ${code} }`)).not.toEqual([]);
  });

  it.each([
    "<p>{t('a.key')}</p>",
    '<p>{name} · {count} %</p>',
    '<p className="one two" data-x="one two" aria-sort="ascending" />',
    "<p>{state === 'running' ? t('a') : t('b')}</p>",
    "throw new RangeError('no such column here')",
    "if (event.key === 'Enter' || reason === 'io server disconnect') return",
    "const kind = 'graphic' as const",
    "const keys = ['Enter', 'Delete']",
  ])('leave what nobody reads: %s', (code) => {
    expect(complaints('apps/web/src/x.tsx', `export const x = () => { ${code} }`)).toEqual([]);
  });

  it.each([
    'function Page() { const press = () => { useEffect(() => undefined); }; return press; }',
    'const Page = () => list.map(() => React.useState(0));',
    'function useIt() { useEffect(() => { useRef(); }); }',
    'function press() { useRef(); }',
  ])('refuse a hook where React throws: %s', (code) => {
    expect(complaints('apps/web/src/x.tsx', code)).toHaveLength(1);
  });

  it.each([
    'function Page() { const box = useRef(); useEffect(() => box.current()); }',
    'const useIt = (key) => useMemo(() => key, [key]);',
    'export const Row = memo(function Row() { const { t } = useTranslation(); return t; });',
    'const make = () => ({ use: user() });',
  ])('leave a hook where it belongs: %s', (code) => {
    expect(complaints('apps/web/src/x.tsx', code)).toEqual([]);
  });
});
