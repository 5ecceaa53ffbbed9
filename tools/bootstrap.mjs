// The door to every command of this repository (`npm start`, `npm test`, …). It runs on whatever Node the machine
// has and needs no installed package: it installs the packages when they are missing or out of date, then hands over
// to the pinned Node, which runs the command's TypeScript as it is.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { clearInterval, setInterval } from 'node:timers';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const windows = process.platform === 'win32';
const pinnedNode = join(root, 'node_modules', 'node', 'bin', windows ? 'node.exe' : 'node');
const underNpm = process.env.npm_lifecycle_event !== undefined;
const installCommand = 'npm ci --no-audit --no-fund';

/** Why `npm ci` has to run, or undefined when what is installed is what package-lock.json says. */
function missingPackages() {
  if (!existsSync(pinnedNode)) return 'the packages are not installed';
  const installedLock = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(installedLock)) return 'the last installation did not finish';
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  const installed = JSON.parse(readFileSync(installedLock, 'utf8')).packages;
  // Versions are compared and not file times: a fresh checkout has fresh times but often the same packages.
  for (const [path, entry] of Object.entries(wanted)) {
    if (!path.includes('node_modules/') || entry.optional || entry.devOptional || entry.extraneous) continue;
    const found = installed[path];
    if (found === undefined || found.version !== entry.version) {
      return `${path.slice('node_modules/'.length)} is not the version that package-lock.json names`;
    }
  }
  return undefined;
}

/** Runs a program in the foreground and resolves with the exit code a shell would report. */
function run(program, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: root, stdio: 'inherit', ...options });
    // The child decides how to end; this process only waits for it.
    const forwards = ['SIGINT', 'SIGTERM', 'SIGHUP'].map((signal) => [signal, () => child.kill(signal)]);
    for (const [signal, forward] of forwards) process.on(signal, forward);
    // npm passes a signal on to its shell only, which dies of it and tells nobody.
    const parent = process.ppid;
    const watch = setInterval(() => {
      if (!underNpm || process.ppid === parent) return;
      clearInterval(watch);
      child.kill('SIGTERM');
    }, 250);
    const done = (settle, value) => {
      clearInterval(watch);
      for (const [signal, forward] of forwards) process.off(signal, forward);
      settle(value);
    };
    child.once('error', (error) => done(reject, error));
    child.once('exit', (code, signal) => done(resolve, code ?? 128 + constants.signals[signal]));
  });
}

const [command, ...args] = process.argv.slice(2);
const script = join(root, 'tools', 'src', `${command}.ts`);
if (command === undefined || !existsSync(script)) {
  console.error(
    `usage: node tools/bootstrap.mjs <start|test|…> [arguments]${command ? ` (no command "${command}")` : ''}`,
  );
  process.exit(64);
}

const reason = missingPackages();
if (reason !== undefined) {
  if (args.includes('--no-install')) {
    console.error(`npm packages: ${reason}. Run this first:\n  ${installCommand}`);
    process.exit(1);
  }
  console.log(`npm packages: ${reason}; installing (${installCommand})`);
  const npm = (args) => run('npm', [...args, '--no-audit', '--no-fund', '--loglevel=error'], { shell: windows });
  let code = await npm(['ci']);
  if (code !== 0) {
    // `npm ci` is strict about packages of other platforms that a registry may lack; `npm install` is not.
    console.log('npm packages: trying npm install instead');
    code = await npm(['install', '--no-save']);
  }
  if (code !== 0) {
    console.error(`npm packages: the installation failed (exit code ${code}).`);
    process.exit(code);
  }
}

// The pinned Node first on PATH, so that every tool started by the command runs on it too.
const path = [join(root, 'node_modules', '.bin'), process.env.PATH].join(windows ? ';' : ':');
process.exitCode = await run(pinnedNode, ['--enable-source-maps', script, ...args], {
  env: { ...process.env, PATH: path },
});
