import type { FastifyInstance } from 'fastify';
import { isObject } from '../json.ts';
import type { Prism } from '../prism.ts';
import { KnobError } from './knob-settings.ts';

interface ClockView {
  readonly now: string;
  readonly running: boolean;
}

/** The part of the control plane that holds the clock and moves it on. */
export function clockRoutes(app: FastifyInstance, prism: Prism): void {
  const { clock, store, tasks } = prism;
  const view = (): ClockView => ({ now: new Date(clock.now()).toISOString(), running: clock.isRunning });

  /** After a restart the clock stands no earlier than now, else what has been would be to come. */
  const moved = (): ClockView => {
    store.commit([['meta', 'meta', { ...store.get('meta', 'meta'), uuid: 'meta', clockAhead: clock.ahead }]]);
    return view();
  };

  app.get('/clock', view);

  app.patch('/clock', async (request) => {
    const running = isObject(request.body) ? request.body['running'] : undefined;
    if (typeof running !== 'boolean') throw new KnobError('running must be true or false');
    await (running ? clock.run() : clock.hold());
    return moved();
  });

  app.post('/clock/advance', async (request) => {
    const { ms, to } = isObject(request.body) ? request.body : {};
    if (typeof ms === 'number' && ms >= 0 && to === undefined) await clock.advance(ms);
    else if (to === 'end-of-tasks' && ms === undefined) await tasks.pass();
    else throw new KnobError('either ms must be a number from 0, or to must be end-of-tasks');
    return moved();
  });
}
