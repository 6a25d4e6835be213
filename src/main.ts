#!/usr/bin/env -S node --v8-pool-size=1
/**
 * The command `busbar`: puts the verbs and what they do together, and runs the one that was asked for.
 *
 * What a verb needs is loaded when it runs: a gateway carries no simulator, and a question to a gateway no gateway.
 */
import { busbarVersion } from './app/version.ts';
import { addBackendVerbs } from './cli/backend-verbs.ts';
import { addDeliveryVerbs } from './cli/delivery-verbs.ts';
import { addFramesVerbs } from './cli/frames-verbs.ts';
import { addMigrationVerbs } from './cli/migration-verbs.ts';
import { addStationVerbs } from './cli/station-verbs.ts';
import type { CliIo } from './cli/io.ts';
import { createProgram, runProgram } from './cli/program.ts';

const io: CliIo = {
  stdout: process.stdout,
  stderr: process.stderr,
  // Opened by the verbs that read it only.
  get stdin() {
    return process.stdin;
  },
  env: process.env,
  setExitCode: (code) => {
    process.exitCode = code;
  },
};

// `busbar station list | head` closes our stdout early; that is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  io.stderr.write(`the result cannot be written: ${error.message}\n`);
  process.exit(1);
});
// A gateway whose log nobody takes any more keeps its stations; there is no place left to say so.
process.stderr.on('error', () => {});

const nodeMajorMin = 24;
if (Number.parseInt(process.versions.node, 10) < nodeMajorMin) {
  io.stderr.write(
    `busbar needs Node ${nodeMajorMin}.21 or later, and this is ${process.versions.node} (${process.execPath}); "npm start --" and "npx busbar" in its folder bring their own\n`,
  );
  process.exit(2);
}

const plans = addMigrationVerbs({
  read: async (file, env) => (await import('./app/plan-reader.ts')).planReader.read(file, env),
});

const program = createProgram(io, busbarVersion, {
  serve: async (options, its) => (await import('./app/serve.ts')).serve(options, its),
  demo: async (options, its) => (await import('./app/demo.ts')).demo(options, its),
  simulateStations: async (options, its) =>
    (await import('./testkit/simulate-stations.ts')).simulateStations(options, its),
  simulateBackend: async (options, its) =>
    (await import('./testkit/simulate-backend.ts')).simulateBackend(options, its),
  configuration: {
    read: async (file, env) =>
      (await import('./app/configuration-reader.ts')).configurationReader.read(file, env),
    schema: async () => (await import('./app/configuration-reader.ts')).configurationReader.schema(),
  },
  add: [addStationVerbs, addFramesVerbs, addBackendVerbs, addDeliveryVerbs, plans],
});
await runProgram(program, io, process.argv.slice(2));
