import { beforeAll, expect, test } from 'vitest';
import { readSchemas, type Schema, type SchemaVersion } from '../../../test/tools/copy-schemas.ts';
import { compileSchema, fullPayload, minimalPayload } from '../../../test/tools/payload-from-schema.ts';
import { classOf } from '../../protocol/message-class.ts';
import type { OcppVersion } from '../../protocol/version.ts';
import { groupOf } from './matrix.ts';
import { negatives } from './negatives.ts';
import { payloadReader } from './payload.ts';
import { refuse, refusalWords, statusInfoOf, type Answer, type RefusalReason } from './refusal.ts';

const schemaVersionOf: Readonly<Record<OcppVersion, SchemaVersion>> = {
  'ocpp1.6': '1.6',
  'ocpp2.0.1': '2.0.1',
  'ocpp2.1': '2.1',
};
const versions = Object.keys(schemaVersionOf) as OcppVersion[];
const schemas = new Map<OcppVersion, Map<string, Schema>>();
const reasons = Object.keys(refusalWords) as RefusalReason[];

beforeAll(async () => {
  for (const version of versions) schemas.set(version, await readSchemas(schemaVersionOf[version]));
});

/** Every action of the official schemas that a CSMS sends: all but those that message-class.ts knows as a station's. */
function commandsOf(version: OcppVersion): string[] {
  const actions = [...(schemas.get(version) ?? [])].map(([name]) => name);
  return actions
    .filter((name) => name.endsWith('Request'))
    .map((name) => name.slice(0, -'Request'.length))
    .filter((action) => action === 'DataTransfer' || !isOfStation(version, action));
}

function isOfStation(version: OcppVersion, action: string): boolean {
  // What is no command has a class of its own; a command counts as vendor's there, but for this one name.
  return classOf(version, action, () => false) !== 'vendor' && action !== 'NotifyAllowedEnergyTransfer';
}

test('every command of the official schemas has a negative and a line of the matrix, and nothing else has', () => {
  for (const version of versions) {
    const commands = commandsOf(version).toSorted();
    expect(commands.length).toBeGreaterThan(25);
    expect(Object.keys(negatives[version]).toSorted(), version).toEqual(commands);
    for (const action of commands) expect(groupOf(action), action).not.toBe('unknown');
  }
});

test('every refusal of every command, for every reason, is valid by the official schema', () => {
  let checked = 0;
  for (const version of versions) {
    for (const action of commandsOf(version)) {
      const request = schemas.get(version)?.get(`${action}Request`) as Schema;
      const isValid = compileSchema(schemas.get(version)?.get(`${action}Response`) as Schema);
      for (const reason of reasons) {
        for (const payload of [minimalPayload(request), fullPayload(request), {}, null]) {
          const answer = refuse(version, action, reason, payloadReader(JSON.stringify(payload)));
          checked += 1;
          if (answer.kind === 'error') {
            expect(answer.description.length).toBeLessThanOrEqual(255);
            continue;
          }
          const value: unknown = JSON.parse(answer.payload);
          expect(isValid(value), `${version} ${action} ${reason}: ${JSON.stringify(isValid.errors)}`).toBe(
            true,
          );
        }
      }
    }
  }
  expect(checked).toBeGreaterThan(4_000);
});

test('no refusal says that something was done', () => {
  for (const version of versions)
    for (const action of commandsOf(version))
      for (const reason of reasons) {
        const answer = refuse(version, action, reason, payloadReader('{"id":[1]}'));
        const text = JSON.stringify(answer);
        expect(text).not.toMatch(/Accepted|Scheduled|RebootRequired|Unlocked|NotSupported"/);
      }
});

function no(version: OcppVersion, action: string, reason: RefusalReason, payload = '{}'): Answer {
  return refuse(version, action, reason, payloadReader(payload));
}

const unauthorised = { kind: 'error', meaning: 'security', description: 'Not authorised in current role.' };

test('the negatives are those that §2.5 lists', () => {
  expect(no('ocpp1.6', 'ChangeConfiguration', 'no_authority')).toEqual(result({ status: 'Rejected' }));
  expect(no('ocpp1.6', 'SendLocalList', 'no_authority')).toEqual(result({ status: 'Failed' }));
  expect(no('ocpp1.6', 'UnlockConnector', 'no_authority')).toEqual(result({ status: 'UnlockFailed' }));
  expect(no('ocpp1.6', 'GetDiagnostics', 'no_authority')).toEqual(unauthorised);
  expect(no('ocpp1.6', 'UpdateFirmware', 'no_authority')).toEqual(unauthorised);
  expect(no('ocpp2.0.1', 'CostUpdated', 'no_authority')).toEqual(unauthorised);
  expect(no('ocpp2.0.1', 'Reset', 'no_authority')).toEqual(
    result({
      status: 'Rejected',
      statusInfo: { reasonCode: 'NoAuthority', additionalInfo: 'Not authorised in current role.' },
    }),
  );
});

test('a part of a list for a list that is not its own is answered VersionMismatch, so that all of it follows (H15)', () => {
  expect(no('ocpp1.6', 'SendLocalList', 'list_not_own')).toEqual(result({ status: 'VersionMismatch' }));
});

test('SetVariables is refused element by element, with nothing but the names said again', () => {
  const element = {
    component: { name: 'TxCtrlr', evse: { id: 1 }, customData: { vendorId: 'x' } },
    variable: { name: 'EVConnectionTimeOut' },
    attributeValue: '30',
  };
  expect(
    no('ocpp2.0.1', 'SetVariables', 'no_authority', JSON.stringify({ setVariableData: [element] })),
  ).toEqual(
    result({
      setVariableResult: [
        {
          attributeStatus: 'Rejected',
          attributeStatusInfo: statusInfoOf('no_authority'),
          component: { name: 'TxCtrlr', evse: { id: 1 } },
          variable: { name: 'EVConnectionTimeOut' },
        },
      ],
    }),
  );
});

test('a command that ran out of time says no where it can, and nothing about what is there where it cannot (H4)', () => {
  expect(no('ocpp1.6', 'RemoteStartTransaction', 'expired')).toEqual(result({ status: 'Rejected' }));
  expect(no('ocpp1.6', 'ClearChargingProfile', 'expired').kind).toBe('error');
  expect(no('ocpp1.6', 'ClearChargingProfile', 'no_authority')).toEqual(result({ status: 'Unknown' }));
  expect(no('ocpp1.6', 'GetConfiguration', 'expired')).toMatchObject({ kind: 'error', meaning: 'generic' });
});

test('an outcome that is not known is never answered as a no (H5)', () => {
  for (const version of versions)
    for (const action of commandsOf(version))
      expect(no(version, action, 'outcome_unknown')).toMatchObject({ kind: 'error', meaning: 'generic' });
});

test('a transaction that is not the asker’s is unknown to it', () => {
  expect(no('ocpp1.6', 'RemoteStopTransaction', 'unknown_transaction')).toEqual(
    result({ status: 'Rejected' }),
  );
  expect(no('ocpp2.1', 'ChangeTransactionTariff', 'unknown_transaction')).toMatchObject({
    payload: expect.stringContaining('TxNotFound') as string,
  });
  expect(no('ocpp2.0.1', 'GetTransactionStatus', 'unknown_transaction', '{"transactionId":"t"}')).toEqual(
    result({ ongoingIndicator: false, messagesInQueue: false }),
  );
  // Of all transactions that would not be true.
  expect(no('ocpp2.0.1', 'GetTransactionStatus', 'unknown_transaction')).toMatchObject({ kind: 'error' });
});

function result(payload: object): Answer {
  return { kind: 'result', payload: JSON.stringify(payload) };
}
