import { createRequire } from 'node:module';
import { describe, expect, it } from '@jest/globals';
import { commands, events, queries } from '@polyvirt/contracts';
import { asyncApiDocument } from './asyncapi.ts';

interface Diagnostic {
  severity: number;
  message: string;
  path: readonly (string | number)[];
}

// The parser is CommonJS with lazy requires, which Jest's module loader cannot follow as an import.
const { Parser } = createRequire(import.meta.url)('@asyncapi/parser') as {
  Parser: new () => { parse(document: string): Promise<{ document?: unknown; diagnostics: Diagnostic[] }> };
};

const ERROR = 0;

describe('api/asyncapi.json', () => {
  const document = asyncApiDocument('1.2.3') as {
    channels: Record<string, { address: string | null }>;
    operations: Record<string, unknown>;
  };

  it('is valid for the official parser', async () => {
    const { document: parsed, diagnostics } = await new Parser().parse(JSON.stringify(document));
    expect(diagnostics.filter(({ severity }) => severity === ERROR)).toEqual([]);
    expect(parsed).toBeDefined();
  }, 60_000);

  it('would not be, were a reference wrong', async () => {
    const broken = JSON.stringify(document).replaceAll('#/components/schemas/VmRecord', '#/components/schemas/Nothing');
    const { diagnostics } = await new Parser().parse(broken);
    expect(diagnostics.filter(({ severity }) => severity === ERROR)).not.toEqual([]);
  }, 60_000);

  it('has every command, event and query under its subject', () => {
    const addresses = Object.values(document.channels).map(({ address }) => address);
    for (const { verb } of commands) expect(addresses).toContain(`polyvirt.v1.command.{host}.${verb}`);
    for (const { name } of events) expect(addresses).toContain(`polyvirt.v1.event.{host}.${name}`);
    for (const { name } of queries) expect(addresses).toContain(`polyvirt.v1.query.{host}.${name}`);
  });
});
