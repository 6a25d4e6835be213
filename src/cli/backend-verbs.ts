/**
 * `busbar backend list`: the configured backends and how their links stand.
 */
import type { Command } from 'commander';
import type { Backend } from '../api/schemas.ts';
import { withClient } from './gateway-client.ts';
import { addExamples } from './help-example.ts';
import type { CliIo } from './io.ts';
import { printRows, type Column } from './output.ts';
import { apiOptions } from './program.ts';

export function addBackendVerbs(program: Command, io: CliIo): void {
  const backend = program.command('backend').description('backends of a running gateway');
  addExamples(
    apiOptions(backend.command('list').description('every configured backend and its links')).action(
      (_options: unknown, command: Command) =>
        withClient(command, io, async (client, { output }) => {
          const backends = await client.backends();
          if (!backends.ok) return backends.fault;
          printRows(io, output, backendColumns, backends.value.items);
          return null;
        }),
    ),
    'busbar backend list',
  );
}

const backendColumns: readonly Column<Backend>[] = [
  { title: 'backend', valueOf: ({ name }) => name },
  { title: 'url', valueOf: ({ url }) => url },
  { title: 'versions', valueOf: ({ versions }) => versions.join(' ') },
  { title: 'stations', valueOf: ({ stationsPrimary }) => stationsPrimary },
  { title: 'links open', valueOf: ({ linksOpen }) => linksOpen },
  { title: 'dialling', valueOf: ({ linksDialling }) => linksDialling },
  { title: 'waiting', valueOf: ({ linksWaiting }) => linksWaiting },
  { title: 'held', valueOf: ({ held }) => held },
  { title: 'parked', valueOf: ({ parked }) => parked },
  { title: 'bills at risk', valueOf: ({ billingAtRisk }) => billingAtRisk?.messages ?? null },
  { title: 'last error', valueOf: ({ lastError }) => lastError },
];
