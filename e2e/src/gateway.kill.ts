import { tellOfKills } from './kill/steps.ts';

tellOfKills('gateway');
