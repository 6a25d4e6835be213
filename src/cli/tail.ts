/**
 * Follows frames and prints one line for each, for `frames tail` and `station tail`.
 *
 * A lost connection is said on stderr and taken up again where it was. What stations and backends wrote is neutralised before it reaches a
 * terminal; JSON lines have it as the API gives it.
 */
import { once } from 'node:events';
import { InvalidArgumentError, Option, type Command } from 'commander';
import type { Client, ClientFault } from '../api/client.ts';
import type { Frame } from '../api/schemas.ts';
import type { CliIo } from './io.ts';
import { neutralised, rowPrinter, type Column } from './output.ts';
import type { ApiOptions } from './program.ts';

export interface TailOptions extends ApiOptions {
  readonly all: boolean;
  readonly full: boolean;
  readonly count?: number;
}

/** Adds the options that both verbs take. */
export function tailOptions(command: Command): Command {
  return command
    .option('--all', 'begin with the oldest frame kept instead of now', false)
    .option('--full', 'print texts whole in the table', false)
    .addOption(new Option('--count <n>', 'end after so many frames').argParser(readCount));
}

function readCount(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('A whole number from 1 is needed.');
  return Number(text);
}

/** Characters of a frame's text in the table. */
const textCharactersMax = 160;

/** Prints frames until the count is reached or the io's signal ends it. */
export async function tail(
  client: Client,
  io: CliIo,
  options: TailOptions,
  station: string | null,
): Promise<ClientFault | null> {
  const stop = new AbortController();
  const onStop = () => stop.abort();
  io.signal?.addEventListener('abort', onStop);
  // The reader of a pipe went away, as `| head` does.
  io.stdout.once('error', onStop);
  if (station !== null) await sayIfUnknown(client, io, station);
  const print = rowPrinter(
    io,
    options.output,
    options.output === 'csv' ? csvColumns : lineColumns(options.full),
  );
  let left = options.count ?? Infinity;
  try {
    const query = {
      signal: stop.signal,
      onLost: (fault: ClientFault) => void io.stderr.write(`${fault.message} Trying again.\n`),
    };
    const frames = client.followFrames({
      ...query,
      ...(options.all ? { after: '0' } : {}),
      ...(station === null ? {} : { station }),
    });
    for await (const event of frames) {
      if (!event.ok) return event.fault;
      print(event.value.frame);
      left -= 1;
      if (left === 0) return null;
      if (io.stdout.writableNeedDrain) await once(io.stdout, 'drain', { signal: stop.signal }).catch(onStop);
    }
    return null;
  } finally {
    io.signal?.removeEventListener('abort', onStop);
    io.stdout.off('error', onStop);
  }
}

/** Following a station that is not there yet is no mistake, but a mistyped one looks the same. */
async function sayIfUnknown(client: Client, io: CliIo, station: string): Promise<void> {
  const found = await client.station(station);
  if (!found.ok && found.fault.problem?.status === 404)
    io.stderr.write(`${neutralised(found.fault.message)} Waiting for it.\n`);
}

/** Widths that keep the lines of a usual fleet under one another. */
function lineColumns(isFull: boolean): readonly Column<Frame>[] {
  return [
    { title: 'time', valueOf: ({ at }) => at },
    { title: 'station', valueOf: ({ station }) => station.padEnd(16) },
    { title: 'link', valueOf: ({ link }) => link.padEnd(12) },
    { title: 'direction', valueOf: ({ direction }) => direction.padEnd(3) },
    { title: 'kind', valueOf: ({ kind }) => kind.padEnd(6) },
    { title: 'action', valueOf: ({ action }) => neutralised(action ?? '-').padEnd(24) },
    { title: 'id', valueOf: ({ messageId }) => neutralised(messageId ?? '-').padEnd(13) },
    {
      title: 'text',
      valueOf: ({ text }) =>
        isFull || text.length <= textCharactersMax ? text : `${text.slice(0, textCharactersMax)}…`,
    },
  ];
}

const csvColumns: readonly Column<Frame>[] = [
  { title: 'time', valueOf: ({ at }) => at },
  { title: 'position', valueOf: ({ position }) => position },
  { title: 'station', valueOf: ({ station }) => station },
  { title: 'link', valueOf: ({ link }) => link },
  { title: 'direction', valueOf: ({ direction }) => direction },
  { title: 'kind', valueOf: ({ kind }) => kind },
  { title: 'action', valueOf: ({ action }) => action },
  { title: 'messageId', valueOf: ({ messageId }) => messageId },
  { title: 'outcome', valueOf: ({ outcome }) => outcome ?? null },
  { title: 'latencyMs', valueOf: ({ latencyMs }) => latencyMs ?? null },
  { title: 'text', valueOf: ({ text }) => text },
];
