/**
 * From a configuration file to settings, as a whole or not at all.
 *
 * Reads the file and everything it points at, and reports all problems at once: what does not fit is taken out, and the rest is still checked.
 * Nothing is started or opened here.
 */
import { dirname, isAbsolute, join, resolve } from 'node:path';
import type { Settings } from '../../ports/settings.ts';
import { fail, ok, type Result } from '../../std/result.ts';
import { readBackends, type ReadBackend } from './backend-settings.ts';
import { readAdmin } from './admin-settings.ts';
import { effectiveYaml } from './effective.ts';
import { readKnownStations, type KnownSource } from './known-stations.ts';
import { addressOf, readListener } from './listener-settings.ts';
import { durationOf, readLinkLimits, readStationSettings, sizeOf } from './limit-settings.ts';
import { ProblemList, type ConfigurationProblem, type Report } from './problem.ts';
import { readRouting, routesOf } from './routing-settings.ts';
import {
  configurationSchema,
  knownStationsSchema,
  type Configuration,
  type KnownStationsEntry,
} from './schema.ts';
import { readBytes, type Place } from './secret-files.ts';
import { shapeReader } from './shape.ts';
import { isAnyAddress, isLoopback, parseAddress } from './units.ts';
import { readSource } from './source-file.ts';
import { sourceBytesMax, type Environment } from './yaml-source.ts';

/** A configuration that was found sound. */
export interface LoadedConfiguration {
  readonly settings: Settings;
  /** YAML: every default filled in, secrets as `***`. To write a fleet's takes a second. */
  readonly effective: () => string;
}

/** `NAME=URL` of `serve --backend`. */
export interface BackendArgument {
  readonly name: string;
  readonly url: string;
}

type Loaded = Result<LoadedConfiguration, readonly ConfigurationProblem[]>;

const shapeOfFile = shapeReader<Configuration>(configurationSchema);
const shapeOfKnown = shapeReader<KnownStationsEntry>(knownStationsSchema);

/** Reads `busbar.yaml`. `env` fills `${NAME}` and `{ env: NAME }`; relative paths start at the folder of the file. */
export async function loadConfiguration(file: string, env: Environment): Promise<Loaded> {
  const problems = new ProblemList();
  const source = await readSource(file, resolve(file), env, problems);
  return source === null
    ? fail(problems.sorted())
    : readAll(source.value, { folder: dirname(resolve(file)), env, report: source.report }, file, problems);
}

/**
 * Settings without a file: every station belongs to the first backend, on the defaults.
 *
 * `listen` null: loopback. Paths start at `folder`.
 */
export async function configurationForBackends(
  backends: readonly BackendArgument[],
  listen: string | null,
  folder: string,
): Promise<Loaded> {
  const problems = new ProblemList();
  const report = problems.of('command line', () => null);
  const entries = Object.create(null) as Record<string, unknown>;
  for (const { name, url } of backends) {
    if (Object.hasOwn(entries, name)) report.add(['backends', name], 'is given twice', 'keep one');
    entries[name] = { url };
  }
  const address = listen === null ? null : parseAddress(listen);
  if (address?.ok === true && !isLoopback(address.value.host))
    report.add(
      ['stations', 'auth'],
      `${listen} can be reached from other machines, and who may pass for a station cannot be said here`,
      'write a file with stations.auth, and name it with --config',
    );
  const value = {
    stations: listen === null ? {} : { listen },
    backends: entries,
    routes: [{ stations: '*', primary: backends[0]?.name }],
  };
  return readAll(value, { folder, env: {}, report }, 'command line', problems);
}

async function readAll(value: unknown, place: Place, file: string, problems: ProblemList): Promise<Loaded> {
  const configuration = shapeOfFile(value, place.report);
  const names = Object.keys(configuration.backends);
  if (names.length === 0 && !place.report.has(['backends']) && !place.report.has([]))
    place.report.add(
      ['backends'],
      'there is no backend',
      'add one: backends: { old: { url: wss://host/path/{station} } }',
    );
  const sources = await knownSources(configuration, place, file, problems);
  const known = await readKnownStations(sources, names);
  const hasPasswords = sources.some(({ entries }) =>
    Object.values(entries).some(({ password }) => password !== undefined),
  );
  const links = readLinkLimits(configuration, place.report);
  const listener = await readListener(configuration.stations, known, hasPasswords, links, place);
  const backends = await readBackends(configuration.backends, place);
  reportLoops(configuration, backends, place.report);
  const routes = routesOf(configuration, place.report);
  const routing = readRouting(configuration.groups, routes, {
    entries: configuration.backends,
    backends,
    report: place.report,
  });
  const admin = readAdmin(configuration, place.report);
  const storage = readStorage(configuration.storage, place);
  if (!problems.isEmpty || storage === null) return fail(problems.sorted());
  const settings: Settings = {
    listener,
    admin,
    storage,
    retention: {
      framesMs: durationOf(configuration.retention.frames),
      bytesMax: sizeOf(configuration.retention.size),
    },
    backends: new Map([...backends].map(([name, backend]) => [name, backend.settings])),
    routing,
    station: readStationSettings(configuration),
    links,
  };
  return ok({ settings, effective: () => effectiveYaml(configuration, routes) });
}

/** A backend that is this very listener: every station would be relayed to itself, without end. */
function reportLoops(
  { stations }: Configuration,
  backends: ReadonlyMap<string, ReadBackend>,
  report: Report,
): void {
  const door = addressOf(stations.listen);
  const isOpenHere = isLoopback(door.host) || isAnyAddress(door.host);
  for (const [name, { settings }] of backends) {
    const url = new URL(settings.url.replaceAll('{station}', 'station'));
    const port = Number(url.port) || (url.protocol === 'wss:' ? 443 : 80);
    const isHere = isLoopback(url.hostname.replaceAll(/[[\]]/g, '')) && isOpenHere;
    if (port === door.port && (isHere || url.hostname === door.host))
      report.add(
        ['backends', name, 'url'],
        'is stations.listen, so that stations would be relayed to this gateway itself',
        'name the address of the backend',
      );
  }
}

async function knownSources(
  configuration: Configuration,
  place: Place,
  file: string,
  problems: ProblemList,
): Promise<readonly KnownSource[]> {
  const { known, knownFrom } = configuration.stations;
  const here: KnownSource = { entries: known, path: ['stations', 'known'], place };
  if (knownFrom === undefined) return [here];
  const path = resolve(place.folder, knownFrom);
  const name = isAbsolute(knownFrom) ? knownFrom : join(dirname(file), knownFrom);
  const bytes = await readBytes(path, sourceBytesMax, false);
  if (!bytes.ok) {
    place.report.add(['stations', 'knownFrom'], bytes.fault.what, bytes.fault.remedy);
    return [here];
  }
  const source = await readSource(name, path, place.env, problems);
  if (source === null) return [here];
  const there: Place = { folder: dirname(path), env: place.env, report: source.report };
  return [{ entries: shapeOfKnown(source.value, source.report), path: [], place: there }, here];
}

function readStorage(storage: string, { folder, report }: Place): Settings['storage'] | null {
  const match = /^sqlite:(?!\/\/)(.+)$/.exec(storage);
  const file = match?.[1];
  if (file === undefined) {
    report.add(
      ['storage'],
      'is not a storage that Busbar knows',
      'write sqlite: and a path, such as sqlite:./data/busbar.db',
    );
    return null;
  }
  return { kind: 'sqlite', file: file === ':memory:' ? file : resolve(folder, file) };
}
