import { defineConfig, loadConfig, setting } from '@polyvirt/config';
import { z } from 'zod';
import { onDatabase } from '../audit/local-audit.ts';
import { generatePassword, Passwords } from '../auth/passwords.ts';
import { gatewayConfig } from '../config.ts';
import { PasswordNotReset, resetPassword } from './reset-password.ts';

const config = loadConfig(
  defineConfig({
    databaseUrl: gatewayConfig.databaseUrl,
    jwtSecret: gatewayConfig.jwtSecret,
    jwtPreviousSecrets: gatewayConfig.jwtPreviousSecrets,
    username: setting({
      env: 'POLYVIRT_RESET_USER',
      schema: z.string().min(1),
      help: 'Whose password is reset.',
      default: 'admin',
    }),
    password: setting({
      env: 'POLYVIRT_RESET_PASSWORD',
      schema: z.string().min(1).optional(),
      help: 'The new password; one is made and printed without it.',
      secret: true,
    }),
  }),
);
const { username, password = generatePassword() } = config;
try {
  const { wasDisabled } = await onDatabase(config, (database, audit) =>
    resetPassword(database, audit, new Passwords(), { username, password }),
  );
  if (config.password === undefined)
    console.log(`${username} logs in with this password, which is not shown again: ${password}`);
  console.log('Sessions and API tokens of this user have ended.');
  if (wasDisabled) console.log(`${username} was disabled, and may log in again.`);
} catch (error) {
  console.error(
    error instanceof PasswordNotReset ? error.message : `The password cannot be reset: ${(error as Error).message}`,
  );
  process.exitCode = 1;
}
