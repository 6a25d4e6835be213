/**
 * The verbs that ask a running gateway, in the order of the help.
 */
import type { Command } from 'commander';
import { addBackendVerbs } from './backend-verbs.ts';
import { addFramesVerbs } from './frames-verbs.ts';
import type { CliIo } from './io.ts';
import { addStationVerbs } from './station-verbs.ts';

/** What a program hands to `Verbs.add`. */
export const apiVerbs: readonly ((program: Command, io: CliIo) => void)[] = [
  addStationVerbs,
  addBackendVerbs,
  addFramesVerbs,
];
