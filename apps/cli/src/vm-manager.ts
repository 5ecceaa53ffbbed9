import { runLegacy } from './legacy/vm-manager.ts';

const code = await runLegacy(process.argv.slice(2));
process.stdout.write('', () => process.exit(code));
