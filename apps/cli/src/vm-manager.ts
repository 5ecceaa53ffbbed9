import { runLegacy } from './legacy/vm-manager.ts';
import { runProgram } from './program.ts';

await runProgram(runLegacy);
