import { packImages } from './compose/pack.ts';
import { build } from './test-run/checks.ts';

/** Builds everything and packs what the images of docker-compose.yml are made of. */
const { failed, note } = await build({ output: console.error, explain: () => undefined });
if (failed > 0) throw new Error(`the build failed: ${note}`);
for (const folder of await packImages()) console.log(folder);
