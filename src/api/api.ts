/**
 * The HTTP API: puts the routes on a server and opens the admin address.
 *
 * It reads snapshots and the journal, hands on commands and asks for a reload; it changes nothing by itself, and nothing without the audit.
 */
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { Assignments } from '../ports/assignments.ts';
import type { AuditLog } from '../ports/audit.ts';
import type { Deliveries } from '../ports/deliveries.ts';
import type { JournalReader } from '../ports/journal.ts';
import type { Log } from '../ports/log.ts';
import type { MetricsPage } from '../ports/metrics.ts';
import type { Migrations } from '../ports/migrations.ts';
import type { JournalFeed, Registry } from '../ports/registry.ts';
import type { AdminSettings } from '../ports/settings.ts';
import type { StationCommander } from '../ports/station-commander.ts';
import { listenFaultText } from '../std/listen-fault.ts';
import { fail, ok, type Result } from '../std/result.ts';
import { namedSchemas } from './answers.ts';
import { addAssignmentRoutes } from './assignment-routes.ts';
import { addAuditRoutes } from './audit-routes.ts';
import { addBackendRoutes } from './backend-routes.ts';
import type { Changer } from './change.ts';
import { addCommandRoutes } from './command-routes.ts';
import { addConfigRoutes, type Reload } from './config-routes.ts';
import { addDeliveryRoutes } from './delivery-routes.ts';
import { addFrameRoutes } from './frame-routes.ts';
import { addMigrationProofRoutes } from './migration-proof-routes.ts';
import { addMigrationRoutes } from './migration-routes.ts';
import { addReadinessRoutes } from './readiness-routes.ts';
import { createServer } from './server.ts';
import { addStationRoutes } from './station-routes.ts';
import { addStreamRoutes, type StreamRoutes } from './stream-routes.ts';
import { addSystemRoutes, type Readiness } from './system-routes.ts';

export interface ApiOptions {
  readonly settings: AdminSettings;
  readonly registry: Registry;
  readonly reader: JournalReader;
  readonly feed: JournalFeed;
  readonly reload: Reload;
  readonly commander: StationCommander;
  readonly deliveries: Deliveries;
  readonly assignments: Assignments;
  readonly migrations: Migrations;
  readonly audit: AuditLog;
  readonly readiness: () => Readiness;
  readonly metrics: MetricsPage;
  readonly log: Log;
}

export interface Api {
  /** The port actually bound. */
  readonly port: number;
  /** `http://host:port`, for people and for the client. */
  readonly url: string;
  /** These tokens count from the next request on; open streams end, and their clients come back with a token. The address stays as it is. */
  update(settings: AdminSettings): void;
  /** Ends the streams and stops listening. */
  close(): Promise<void>;
}

/** `detail` is a sentence for the operator. */
export interface ApiFault {
  readonly fault: 'cannot_listen';
  readonly detail: string;
}

/** Opens the API on the admin address. */
export async function startApi(options: ApiOptions): Promise<Result<Api, ApiFault>> {
  let { settings } = options;
  const { app, streams } = await buildApi(options, () => settings);
  const { host, port } = settings;
  try {
    await app.listen({ host, port });
  } catch (error) {
    await app.close();
    return fail({
      fault: 'cannot_listen',
      detail: listenFaultText(host, port, error as NodeJS.ErrnoException),
    });
  }
  const bound = (app.addresses()[0] as AddressInfo | undefined)?.port ?? port;
  return ok({
    port: bound,
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    update: (next) => {
      settings = next;
      streams.endStreams();
    },
    close: async () => {
      streams.endStreams();
      await app.close();
    },
  });
}

/** The server with every route, not listening yet. */
export async function buildApi(
  options: ApiOptions,
  settings: () => AdminSettings,
): Promise<{ app: FastifyInstance; streams: StreamRoutes }> {
  const { registry, reader, feed, reload, commander, deliveries, assignments, migrations } = options;
  const { audit, readiness, metrics, log } = options;
  const changer: Changer = { audit, log, wallMs: () => Date.now() };
  const { app, routes } = await createServer(settings, log, (server) => {
    for (const [name, schema] of Object.entries(namedSchemas)) server.addSchema({ $id: name, ...schema });
    addSystemRoutes(server, readiness, metrics);
    addStationRoutes(server, registry);
    addFrameRoutes(server, registry, reader);
    addBackendRoutes(server, registry);
    addCommandRoutes(server, registry, commander, changer);
    addAssignmentRoutes(server, { registry, assignments, migrations, changer });
    addReadinessRoutes(server, { registry, assignments, migrations, changer });
    addMigrationRoutes(server, migrations, changer);
    addMigrationProofRoutes(server, migrations, registry);
    addDeliveryRoutes(server, { deliveries, registry, changer });
    addConfigRoutes(server, reload, changer);
    addAuditRoutes(server, audit);
    return addStreamRoutes(server, reader, feed);
  });
  await app.ready();
  return { app, streams: routes };
}
