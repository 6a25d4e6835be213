/**
 * A whole Busbar for black-box tests, as `serve` starts it, on loopback, with one backend and its journal in a temporary folder.
 *
 * The limits that slow a test peer down are off; what they do is tested where they live.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startBusbar } from '../../src/app/busbar.ts';
import { plainAssignment } from '../../src/core/routing/table.ts';
import type { JournalRecord } from '../../src/core/journal/record.ts';
import type { JournalReader } from '../../src/ports/journal.ts';
import type { Log, LogFields } from '../../src/ports/log.ts';
import type { KnownStation, LinkLimits, ListenerSettings, Settings } from '../../src/ports/settings.ts';
import { checkStationId, type StationId } from '../../src/protocol/station-id.ts';
import { ocppVersions } from '../../src/protocol/version.ts';
import { ok } from '../../src/std/result.ts';
import { Secret } from '../../src/std/secret.ts';

export interface GatewayOptions {
  /** `{station}` stands for the identity. */
  readonly backendUrl: string;
  /** PEM of what the backend's certificate is checked against. */
  readonly backendCa?: string;
  /** The backend owns the stations' credentials and gets to see them. */
  readonly forward?: boolean;
  /** PEM; stations connect by wss then. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly clientCa?: string };
  readonly auth?: ListenerSettings['auth'];
  readonly known?: Readonly<
    Record<string, { readonly password?: string | Buffer; readonly commonName?: string }>
  >;
}

export interface GatewayUnderTest {
  /** What a station puts its identity behind, after a slash. */
  readonly url: string;
  /** Bugs and errors the gateway reported: none are expected. */
  readonly troubles: readonly string[];
  /** Everything that went on record so far. */
  readJournal(): AsyncIterable<JournalRecord>;
  /** Drains and stops it. */
  close(): Promise<void>;
}

const limits: LinkLimits = {
  stationFrameBytes: 128 * 1024,
  backendFrameBytes: 1024 * 1024,
  fragmentsMax: 64,
  messageTimeoutMs: 10_000,
  controlFramesPerSecond: 20,
  handshakesMax: 1_000,
  handshakeTimeoutMs: 10_000,
  upgradeTimeoutMs: 10_000,
  headerBytes: 8 * 1024,
  closeTimeoutMs: 2_000,
  failuresPerMinute: Infinity,
  congestedBytes: 1024 * 1024,
  bufferedBytesMax: 64 * 1024 * 1024,
};

export async function startGatewayUnderTest(options: GatewayOptions): Promise<GatewayUnderTest> {
  const folder = await mkdtemp(join(tmpdir(), 'busbar-conformance-'));
  const settings = settingsFor(options, join(folder, 'busbar.db'));
  const troubles: string[] = [];
  const started = await startBusbar({
    settings,
    log: troubleLog(troubles),
    readAgain: () => Promise.resolve(ok(settings)),
  });
  if (!started.ok) throw new Error(`${started.fault.where}: ${started.fault.reason}`);
  const busbar = started.value;
  return {
    url: `${options.tls === undefined ? 'ws' : 'wss'}://127.0.0.1:${busbar.stationPort}/ocpp`,
    troubles,
    readJournal: async function* () {
      await busbar.journal.flush(10_000);
      let after: number | null = 0;
      while (after !== null) {
        const page: Awaited<ReturnType<JournalReader['records']>> = await busbar.store.reader.records(
          after,
          5_000,
        );
        for (const { record } of page.records) yield record;
        after = page.next;
      }
    },
    close: async () => {
      const isClean = await busbar.drain(0, 5_000);
      if (!isClean) troubles.push('the drain was not clean');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function settingsFor(options: GatewayOptions, file: string): Settings {
  const { backendUrl, backendCa, forward, tls, auth, known } = options;
  const pace = { callTimeoutMs: 20_000, redialFromMs: 100, redialToMs: 1_000 };
  const backend = {
    name: 'main',
    url: backendUrl,
    identity: '{station}',
    versions: ocppVersions,
    credentials: { kind: forward === true ? 'forward' : 'none' },
    headers: new Map(),
    tls: { ca: backendCa === undefined ? null : [backendCa], cert: null, key: null },
    connectsPerSecond: Infinity,
    deliveriesPerSecond: Infinity,
    ...pace,
  } as const;
  return {
    listener: {
      host: '127.0.0.1',
      port: 0,
      tls:
        tls === undefined
          ? null
          : {
              pairs: [{ cert: tls.cert, key: secret(tls.key) }],
              clientCa: tls.clientCa === undefined ? null : [tls.clientCa],
            },
      admit: 'any',
      hideUnknown: false,
      auth: auth ?? 'none',
      known: new Map(
        Object.entries(known ?? {}).map(([id, access]) => [stationId(id), knownStation(access)]),
      ),
      limits,
    },
    admin: { host: '127.0.0.1', port: 0, tokens: [] },
    storage: { kind: 'sqlite', file },
    retention: { framesMs: 3_600_000, bytesMax: 4 * 1024 ** 3 },
    backends: new Map([['main', backend]]),
    routing: {
      groups: new Map(),
      routes: [
        {
          stations: ['*'],
          group: null,
          assignment: plainAssignment(0, 'main'),
        },
      ],
      backends: new Map([
        [
          'main',
          { name: 'main', versions: ocppVersions, nonBilling: false, holdDownMs: 0, revision: '1', ...pace },
        ],
      ]),
    },
    station: {
      callTimeoutMs: 20_000,
      answerWithinMs: 8_000,
      heldMax: 1_000,
      heldCharactersMax: 64_000_000,
      heldInAllMax: 256_000_000,
      pingIntervalMs: 60_000,
      pongTimeoutMs: 20_000,
      callsPerSecond: Infinity,
      connectsPerHour: Infinity,
    },
    links: limits,
  };
}

function knownStation({
  password,
  commonName,
}: {
  readonly password?: string | Buffer;
  readonly commonName?: string;
}): KnownStation {
  return {
    password: password === undefined ? null : secret(password),
    certificate: commonName === undefined ? null : { commonName },
    tags: [],
    site: null,
    identities: new Map(),
  };
}

function secret(text: string | Buffer): Secret {
  return new Secret(Buffer.from(text));
}

function stationId(text: string): StationId {
  const checked = checkStationId(text);
  if (!checked.ok) throw new Error(`${text}: ${checked.fault}`);
  return checked.value;
}

function troubleLog(troubles: string[]): Log {
  const trouble = (event: string, fields?: LogFields): void => {
    troubles.push(`${event} ${JSON.stringify(fields)}`);
  };
  return { debug: () => undefined, info: () => undefined, warn: trouble, error: trouble };
}
