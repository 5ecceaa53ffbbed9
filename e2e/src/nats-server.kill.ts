import { tellOfKills } from './kill/steps.ts';

tellOfKills('nats-server');
