#!/usr/bin/env node
/**
 * The command `busbar`: puts the verbs and what they do together, and runs the one that was asked for.
 */
import { demo } from './app/demo.ts';
import { serve } from './app/serve.ts';
import { busbarVersion } from './app/version.ts';
import { addBackendVerbs } from './cli/backend-verbs.ts';
import { addFramesVerbs } from './cli/frames-verbs.ts';
import { addStationVerbs } from './cli/station-verbs.ts';
import type { CliIo } from './cli/io.ts';
import { createProgram, runProgram } from './cli/program.ts';
import { configurationReader } from './app/configuration-reader.ts';
import { simulateBackend } from './testkit/simulate-backend.ts';
import { simulateStations } from './testkit/simulate-stations.ts';

const io: CliIo = {
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  setExitCode: (code) => {
    process.exitCode = code;
  },
};

// `busbar station list | head` closes our stdout early; that is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

const program = createProgram(io, busbarVersion, {
  serve,
  demo,
  simulateStations,
  simulateBackend,
  configuration: configurationReader,
  add: [addStationVerbs, addFramesVerbs, addBackendVerbs],
});
await runProgram(program, io, process.argv.slice(2));
