import { tellOfKills } from './kill/steps.ts';

tellOfKills('agent-kvm-a');
