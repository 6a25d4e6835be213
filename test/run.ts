/**
 * The one test command: every test, then a closing line that counts them.
 *
 * Arguments are handed to vitest, so `npm test -- src/protocol` runs a part.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numFailedTestSuites: number;
  readonly success: boolean;
}

const folder = await mkdtemp(join(tmpdir(), 'busbar-test-'));
const reportFile = join(folder, 'report.json');
const code = await runVitest(reportFile);
const report = await readReport(reportFile);
await rm(folder, { recursive: true, force: true });

if (report === null) {
  process.stdout.write('the test runner left no report\n0 passed, 1 failed\n');
  process.exit(1);
}
// A file that fails to load counts as a failure although none of its tests ran.
const failed = Math.max(report.numFailedTests, report.success ? 0 : 1);
const skipped = report.numPendingTests > 0 ? `, ${report.numPendingTests} skipped` : '';
process.stdout.write(`${report.numPassedTests} passed, ${failed} failed${skipped}\n`);
process.exit(failed > 0 || code !== 0 || report.numPassedTests === 0 ? 1 : 0);

function runVitest(outputFile: string): Promise<number> {
  const vitest = join(import.meta.dirname, '../node_modules/vitest/vitest.mjs');
  const args = [
    vitest,
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${outputFile}`,
    ...process.argv.slice(2),
  ];
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] });
    child.once('exit', (exitCode) => resolve(exitCode ?? 1));
  });
}

async function readReport(file: string): Promise<VitestReport | null> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as VitestReport;
  } catch {
    return null;
  }
}
