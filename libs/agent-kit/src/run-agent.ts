import { Logger } from '@nestjs/common';
import { invalidConfigExitCode } from '@polyvirt/config';
import { Agent, type AgentOptions } from './agent.ts';
import { NotAdmittedError } from './host/not-admitted.ts';
import { SecondAgentError } from './host/only-agent.ts';
import { createLogger, PinoLogger } from './logging/pino-logger.ts';

/**
 * The whole life of an agent process: works until SIGTERM or SIGINT, then drains and exits with 0. Exits with 1 when another
 * agent looks after the host, or when it cannot begin; as with a wrong setting, when the host was removed.
 */
export async function runAgent(options: Omit<AgentOptions, 'onUnwanted'>): Promise<void> {
  const { hostId, logLevel } = options.config;
  const logger = createLogger(hostId, logLevel);
  Logger.overrideLogger(new PinoLogger(logger));
  const beginning = new AbortController();
  let agent: Agent | undefined;
  let exitCode = 0;
  const stop = () => {
    beginning.abort(new Error('told to stop before it had begun'));
    void agent?.stop().finally(() => process.exit(exitCode));
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  try {
    const onUnwanted = (error: Error) => {
      exitCode = exitCodeOf(error);
      stop();
    };
    agent = await Agent.start({ ...options, onUnwanted }, beginning.signal);
    // Told to stop while it began.
    if (beginning.signal.aborted) stop();
  } catch (error) {
    if (error instanceof SecondAgentError || error instanceof NotAdmittedError) logger.fatal(error.message);
    else if (!beginning.signal.aborted) logger.fatal({ err: error }, 'The agent cannot begin.');
    await options.driver.close();
    process.exit(beginning.signal.aborted ? 0 : exitCodeOf(error));
  }
}

/** Supervisors start nothing again that ends as with a wrong setting. */
const exitCodeOf = (error: unknown): number => (error instanceof NotAdmittedError ? invalidConfigExitCode : 1);
