import { randomUUID } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ensureLibvirt, stopLibvirt } from './machine/libvirt.ts';
import { ensurePackages } from './machine/packages.ts';
import { imageCache } from './places.ts';
import { build, format, generatedFiles, lint } from './test-run/checks.ts';
import { interrupt, interruptedBy } from './test-run/foreground.ts';
import { runSuite } from './test-run/jest.ts';
import { belongings, MARK, nothingIsLeft } from './test-run/leftovers.ts';
import { PASSED, Report } from './test-run/outcome.ts';
import { SUITES } from './test-run/suites.ts';
import { forgetReports, supportMatrix } from './test-run/support-matrix.ts';
import { ensureTinyLinux } from './tiny-linux/build.ts';

const HELP = `usage: npm test [-- <suite>… [--no-install] [--testPathPatterns <pattern>]]

Runs the checks (build, lint, format, generated files) and every suite, or only the suites named:
  ${SUITES.map(({ name }) => name).join(', ')}

  --no-install      say what is missing and how to install it, and stop
  --testPathPatterns <pattern>
                    run only the test files whose path matches
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    'no-install': { type: 'boolean' },
    testPathPatterns: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  },
});
const unknown = positionals.find((name) => !SUITES.some((suite) => suite.name === name));
if (values.help || unknown !== undefined) {
  console.log(unknown === undefined ? HELP : `There is no suite "${unknown}".\n\n${HELP}`);
  process.exit(values.help ? 0 : 64);
}
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interrupt(signal));

const pattern = values.testPathPatterns;
const everything = positionals.length === 0;
const suites = everything ? SUITES : SUITES.filter(({ name }) => positionals.includes(name));
const needs = [...new Set(suites.flatMap((suite) => suite.needs))];
const withLibvirt = needs.includes('kvm');
const runId = randomUUID();
// A folder of its own shows what the tests leave in it. Servers that run as other users need it to be as open as /tmp.
const temporaryFiles = await mkdtemp(join(tmpdir(), 'polyvirt-test-'));
await chmod(temporaryFiles, 0o1777);
const report = new Report();
const log = (line: string) => report.log(line);

let startedLibvirt = false;
const machine = await report.part('machine', async () => {
  await ensurePackages(needs, { install: !values['no-install'], log });
  if (withLibvirt) {
    startedLibvirt = (await ensureLibvirt({ log })).startedBy === 'us';
    await ensureTinyLinux({ cacheDir: imageCache, target: join(imageCache, 'tiny-linux.qcow2'), log });
  }
  return PASSED;
});

try {
  // Without its machine every suite would fail for the same reason.
  if (machine.failed === 0) {
    const before = await belongings(temporaryFiles, withLibvirt);
    if (everything || suites.some((suite) => suite.built)) await report.part('build', build);
    if (everything) {
      await report.part('generated files', generatedFiles);
      // Each keeps one core busy.
      await Promise.all([report.part('lint', lint), report.part('format', format)]);
    }
    await forgetReports();
    for (const suite of suites) {
      if (interruptedBy() !== undefined) break;
      await report.part(suite.name, () =>
        runSuite(
          suite,
          { [MARK]: runId, TMPDIR: temporaryFiles },
          pattern === undefined ? [] : ['--testPathPatterns', pattern],
        ),
      );
      if (suite.name === 'conformance' && pattern === undefined) await report.part('support matrix', supportMatrix);
    }
    await report.part('nothing left behind', async () =>
      nothingIsLeft(before, await belongings(temporaryFiles, withLibvirt), runId),
    );
  }
} finally {
  if (startedLibvirt) await stopLibvirt();
  await rm(temporaryFiles, { recursive: true, force: true });
}
const { passed, failed } = report.finish();
process.exitCode = interruptedBy() !== undefined ? 130 : failed > 0 || passed === 0 ? 1 : 0;
