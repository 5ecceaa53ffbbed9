import { build, regenerate } from './test-run/checks.ts';

/** Writes everything that is generated from the declarations: the API documents, the client, the page of settings and that of the command line. */
// Not what uses the client: it may wait for what is about to be written.
const { failed, note } = await build({ output: console.error, explain: () => undefined }, ['@polyvirt/gateway']);
if (failed > 0) throw new Error(`the build failed: ${note}`);
const changed = await regenerate({ output: console.log, explain: () => undefined });
console.log(changed.length === 0 ? 'everything was up to date' : `written: ${changed.join(', ')}`);
