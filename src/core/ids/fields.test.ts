import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { FieldTable } from './field.ts';
import { fieldsV16 } from './fields-v16.ts';
import { fieldsV2 } from './fields-v2.ts';

interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly definitions?: Readonly<Record<string, Schema>>;
}

/** Names that say "identifier", at the end of a path. */
const idName = /(^|[a-z])(Ids?|ids?|listVersion|versionNumber)$/;

/** Names that are no identifier of a dialogue wherever they stand, and why. */
const namesElsewhere: Readonly<Record<string, string>> = {
  connectorId: 'the station numbers its connectors',
  evseId: 'the station numbers its EVSEs',
  evseIds: 'the station numbers its EVSEs',
  vendorId: 'names a vendor',
  messageId: 'names a kind of DataTransfer',
  stationCertificateId: 'derived from a certificate',
  iccid: 'of a modem',
  evccId: 'of a vehicle',
  receiptId: 'of a payment terminal or a printed receipt, the same for everyone',
  signatureId: 'names a signature inside of one schedule',
  priceScheduleId: 'names a price schedule inside of one schedule',
  selectedChargingScheduleId: 'names a schedule of the message before',
  variableMonitoringId: 'the station numbers its monitors: the same for every backend',
  eventId: 'the station numbers its events: the same for every backend',
};

/** Paths that are no identifier of a dialogue although their name may be one. */
const pathsElsewhere: readonly (readonly [action: RegExp, path: RegExp, why: string])[] = [
  [/./, /(^|\.)evse\.id$/, 'the station numbers its EVSEs'],
  [/./, /chargingSchedule(\.\*)?\.id$/, 'names a schedule inside of one profile or message'],
  [/./, /salesTariff\.id$/, 'names a tariff inside of one schedule'],
  [/VariableMonitoring/, /(^|\.)id(\.\*)?$/, 'the station numbers its monitors'],
  [/^NotifyMonitoringReport/, /variableMonitoring\.\*\.id$/, 'the station numbers its monitors'],
  [/^GetPeriodicEventStream/, /(^|\.)id$/, 'the station numbers its streams'],
  [/SignCertificate|CertificateSigned/, /requestId$/, 'given out by the station: the same for every backend'],
];

/** The identifiers in an action's request or response, or in a SEND, in any of these versions. */
function idPathsOf(versions: readonly string[], suffix: string, action: string): string[] {
  return versions.flatMap((version) =>
    fileNames(version)
      .filter((name) => name === `${action}${suffix}.json` || name === `${action}.json`)
      .flatMap((name) =>
        idPaths(JSON.parse(readFileSync(`schemas/ocpp/${version}/${name}`, 'utf8')) as Schema),
      ),
  );
}

function fileNames(version: string): string[] {
  return readdirSync(`schemas/ocpp/${version}`).filter((name) => name.endsWith('.json'));
}

/** Every path of a schema whose last key reads like an identifier. */
function idPaths(schema: Schema): string[] {
  const found: string[] = [];
  const visit = (node: Schema, path: string, seen: readonly string[]): void => {
    if (node.$ref !== undefined) {
      const name = node.$ref.split('/').at(-1) ?? '';
      const target = schema.definitions?.[name];
      if (target !== undefined && !seen.includes(name)) visit(target, path, [...seen, name]);
      return;
    }
    for (const [key, child] of Object.entries(node.properties ?? {})) {
      const at = path === '' ? key : `${path}.${key}`;
      if (idName.test(key) && child.$ref === undefined) found.push(child.type === 'array' ? `${at}.*` : at);
      visit(child, at, seen);
    }
    if (node.items !== undefined) visit(node.items, `${path}.*`, seen);
  };
  visit(schema, '', []);
  return found;
}

function isElsewhere(action: string, path: string): boolean {
  const key = path.split('.').findLast((part) => part !== '*') ?? '';
  return (
    Object.hasOwn(namesElsewhere, key) ||
    pathsElsewhere.some(([actions, paths]) => actions.test(action) && paths.test(path))
  );
}

function tabled(table: FieldTable, action: string, isResult: boolean): readonly string[] {
  const parts = isResult
    ? [table.backendResults, table.stationResults]
    : [table.stationCalls, table.backendCalls];
  return parts.flatMap((part) => (part.get(action) ?? []).map(({ path }) => path.join('.')));
}

test.each([
  ['1.6', fieldsV16],
  ['2.0.1', fieldsV2],
  ['2.1', fieldsV2],
] as const)(
  'every identifier in the schemas of OCPP %s is in the table, or known not to be one',
  (version, table) => {
    const missing: string[] = [];
    let looked = 0;
    for (const name of fileNames(version)) {
      const schema = JSON.parse(readFileSync(`schemas/ocpp/${version}/${name}`, 'utf8')) as Schema;
      const action = name.replace(/(Request|Response)?\.json$/, '');
      const known = tabled(table, action, name.endsWith('Response.json'));
      for (const path of idPaths(schema)) {
        looked += 1;
        if (!known.includes(path) && !isElsewhere(action, path)) missing.push(`${name} ${path}`);
      }
    }
    expect(missing).toEqual([]);
    expect(looked).toBeGreaterThan(20);
  },
);

test('every line of the tables is in a schema: no typing error hides in them', () => {
  const wrong: string[] = [];
  for (const [table, versions] of [
    [fieldsV16, ['1.6']],
    [fieldsV2, ['2.0.1', '2.1']],
  ] as const) {
    for (const [part, lines] of Object.entries(table) as [keyof FieldTable, FieldTable['stationCalls']][]) {
      for (const [action, fields] of lines) {
        const known = idPathsOf(versions, part.endsWith('Results') ? 'Response' : 'Request', action);
        for (const { path } of fields)
          if (!known.includes(path.join('.'))) wrong.push(`${action} ${path.join('.')}`);
      }
    }
  }
  expect(wrong).toEqual([]);
});
