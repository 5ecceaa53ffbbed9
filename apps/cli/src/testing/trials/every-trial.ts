import { imageTrials } from './image-trials.ts';
import { peopleTrials } from './people-trials.ts';
import type { Trials } from './trial.ts';
import { vmTrials } from './vm-trials.ts';
import { watchingTrials } from './watching-trials.ts';

/** By the name of the command. */
export const trials: Trials = { ...vmTrials, ...imageTrials, ...watchingTrials, ...peopleTrials };
