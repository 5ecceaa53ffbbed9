import { Session } from './host/session.ts';

/** A child that holds the pipes of a call for so many milliseconds, as the GUI does on Windows. */
await new Session().clock.pass(Number(process.argv[2]));
