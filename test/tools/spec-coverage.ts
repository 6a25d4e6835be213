/**
 * Every action of every version, which way the specification sends it, and the page that lists it all.
 *
 * The actions come from the schemas, the directions from the specifications (OCPP 1.6 §5 and its security whitepaper; 2.0.1 and 2.1 Part 2). A
 * gateway relays both ways whatever they say, so both ways are tested. `node test/tools/spec-coverage.ts` writes docs/spec-coverage.md.
 */
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { schemasFolder, schemaVersions, type SchemaVersion } from './copy-schemas.ts';

export const coveragePage = join(import.meta.dirname, '../../docs/spec-coverage.md');

export type Sender = 'station' | 'backend' | 'both';

export interface CoveredAction {
  readonly version: SchemaVersion;
  readonly action: string;
  /** Who sends the request by the specification. */
  readonly sender: Sender;
  /** False for 2.1's SEND: it has no answer. */
  readonly isAnswered: boolean;
}

const fromStation16 = [
  'Authorize',
  'BootNotification',
  'DiagnosticsStatusNotification',
  'FirmwareStatusNotification',
  'Heartbeat',
  'LogStatusNotification',
  'MeterValues',
  'SecurityEventNotification',
  'SignCertificate',
  'SignedFirmwareStatusNotification',
  'StartTransaction',
  'StatusNotification',
  'StopTransaction',
];
const fromStation201 = [
  'Authorize',
  'BootNotification',
  'ClearedChargingLimit',
  'FirmwareStatusNotification',
  'Get15118EVCertificate',
  'GetCertificateStatus',
  'Heartbeat',
  'LogStatusNotification',
  'MeterValues',
  'NotifyChargingLimit',
  'NotifyCustomerInformation',
  'NotifyDisplayMessages',
  'NotifyEVChargingNeeds',
  'NotifyEVChargingSchedule',
  'NotifyEvent',
  'NotifyMonitoringReport',
  'NotifyReport',
  'PublishFirmwareStatusNotification',
  'ReportChargingProfiles',
  'ReservationStatusUpdate',
  'SecurityEventNotification',
  'SignCertificate',
  'StatusNotification',
  'TransactionEvent',
];
const fromStation21 = [
  ...fromStation201,
  'BatterySwap',
  'ClosePeriodicEventStream',
  'GetCertificateChainStatus',
  'NotifyDERAlarm',
  'NotifyDERStartStop',
  'NotifyPeriodicEventStream',
  'NotifyPriorityCharging',
  'NotifySettlement',
  'OpenPeriodicEventStream',
  'PullDynamicScheduleUpdate',
  'ReportDERControl',
  'VatNumberValidation',
];

/** Sent by stations; what is in no list is sent by backends, and DataTransfer by both. */
export const fromStation: Readonly<Record<SchemaVersion, ReadonlySet<string>>> = {
  '1.6': new Set(fromStation16),
  '2.0.1': new Set(fromStation201),
  '2.1': new Set(fromStation21),
};

/** Every action that has a schema. */
export async function coveredActions(version: SchemaVersion): Promise<CoveredAction[]> {
  const messages = (await readdir(join(schemasFolder, version))).map((file) => file.replace(/\.json$/, ''));
  const actions = new Set(messages.map((message) => message.replace(/(Request|Response)$/, '')));
  return [...actions].sort().map((action) => ({
    version,
    action,
    sender: action === 'DataTransfer' ? 'both' : fromStation[version].has(action) ? 'station' : 'backend',
    isAnswered: messages.includes(`${action}Response`),
  }));
}

/** The page, as Markdown. */
export async function coverageText(): Promise<string> {
  const parts = [introduction];
  for (const version of schemaVersions) {
    const actions = await coveredActions(version);
    const rows = actions.map(({ action, sender, isAnswered }) => {
      const station = sender === 'backend' ? 'relayed' : '**specified**';
      const backend = sender === 'station' ? 'relayed' : '**specified**';
      return `| ${action}${isAnswered ? '' : ' (SEND, never answered)'} | ${station} | ${backend} |`;
    });
    parts.push(
      `## OCPP ${version}: ${actions.length} actions\n\n| action | from the station | from the backend |\n|---|---|---|\n${rows.join('\n')}\n`,
    );
  }
  return parts.join('\n');
}

const introduction = `# Which messages are tested

Generated from the official schemas by \`node test/tools/spec-coverage.ts\`; \`test/conformance/spec-coverage.test.ts\` fails when it is stale. Do not edit.

Every line is two tests in \`test/conformance/every-action.test.ts\`, named by version, side and action, and each of them runs over plain WebSocket and over
TLS: a station and a CSMS of the independent package \`ocpp-rpc\`, both checking every message against its schema, exchange the smallest valid, the
fullest valid and a random valid request and response through the gateway, and the texts on both links are compared character by character: nothing but
the message id differs. **specified** marks the direction that the specification gives the action; the other one is **relayed** and tested all the
same, since a gateway does not judge. A SEND is sent by a plain WebSocket peer, \`ocpp-rpc\` knows none.

Errors (CALLERROR of every code, CALLRESULTERROR in 2.1) are in the same file, odd payloads in \`test/conformance/byte-identity.test.ts\`, malformed
frames in \`test/fuzz\`, credentials and certificates in \`test/conformance/credentials.test.ts\`.
`;

if (import.meta.main) await writeFile(coveragePage, await coverageText());
