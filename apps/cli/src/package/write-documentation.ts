import { writeFileSync } from 'node:fs';
import { documentation } from '../documentation.ts';

writeFileSync(process.argv[2]!, documentation());
