import { describe, expect, test } from 'vitest';
import type { EffectStep } from '../core/migration/events.ts';
import type { CommandOutcome } from '../ports/station-commander.ts';
import { commandOf, outcomeOf } from './migration-effects.ts';

const read: EffectStep = { do: 'read', component: null, key: 'Interval' };
const write: EffectStep = { do: 'write', component: null, key: 'Interval', value: '10' };
const readV2: EffectStep = { do: 'read', component: 'Ctrlr', key: 'Interval' };
const writeV2: EffectStep = { do: 'write', component: 'Ctrlr', key: 'Interval', value: '10' };
const result = (payload: object): CommandOutcome => ({ kind: 'result', payload: JSON.stringify(payload) });

const payloadOf = (...args: Parameters<typeof commandOf>): unknown => {
  const command = commandOf(...args);
  return 'action' in command ? [command.action, JSON.parse(command.payload)] : command;
};

const refused = (reason: 'forbidden' | 'not_connected'): CommandOutcome => ({
  kind: 'refused',
  reason,
  detail: 'No.',
});

describe('what a plan sends to a station', () => {
  test('is said in the words of its version', () => {
    expect(payloadOf({ do: 'clear_cache' }, 'ocpp2.1')).toEqual(['ClearCache', {}]);
    expect(payloadOf(read, 'ocpp1.6')).toEqual(['GetConfiguration', { key: ['Interval'] }]);
    expect(payloadOf(write, 'ocpp1.6')).toEqual(['ChangeConfiguration', { key: 'Interval', value: '10' }]);
    const name = { component: { name: 'Ctrlr' }, variable: { name: 'Interval' } };
    expect(payloadOf(readV2, 'ocpp2.0.1')).toEqual(['GetVariables', { getVariableData: [name] }]);
    expect(payloadOf(writeV2, 'ocpp2.1')).toEqual([
      'SetVariables',
      { setVariableData: [{ ...name, attributeValue: '10' }] },
    ]);
    expect(payloadOf(read, 'ocpp2.0.1')).toEqual({ inapplicable: 'Interval is a setting of OCPP 1.6' });
    expect(payloadOf(writeV2, 'ocpp1.6')).toEqual({
      inapplicable: 'Ctrlr.Interval is a setting of OCPP 2.x',
    });
  });

  test('clears a list by an empty one', () => {
    const clear: EffectStep = { do: 'clear_list', version: 8 };
    expect(payloadOf(clear, 'ocpp1.6')).toEqual([
      'SendLocalList',
      { listVersion: 8, updateType: 'Full', localAuthorizationList: [] },
    ]);
    expect(payloadOf(clear, 'ocpp2.0.1')).toEqual([
      'SendLocalList',
      { versionNumber: 8, updateType: 'Full' },
    ]);
    const ask: EffectStep = { do: 'read_list' };
    expect(payloadOf(ask, 'ocpp2.1')).toEqual(['GetLocalListVersion', {}]);
    expect(outcomeOf(ask, result({ listVersion: -1 }))).toEqual({ kind: 'answered', value: '-1' });
    expect(outcomeOf(ask, result({ versionNumber: 7 }))).toEqual({ kind: 'answered', value: '7' });
  });

  test('is read from the answer of its version', () => {
    const known = { configurationKey: [{ key: 'interval', readonly: false, value: '60' }] };
    expect(outcomeOf(read, result(known))).toEqual({ kind: 'answered', value: '60' });
    expect(outcomeOf(read, result({ unknownKey: ['Interval'] }))).toEqual({ kind: 'answered', value: null });
    const variable = { getVariableResult: [{ attributeStatus: 'Accepted', attributeValue: '60' }] };
    expect(outcomeOf(readV2, result(variable))).toEqual({ kind: 'answered', value: '60' });
    const unheard = { getVariableResult: [{ attributeStatus: 'UnknownVariable' }] };
    expect(outcomeOf(readV2, result(unheard))).toEqual({ kind: 'answered', value: null });
  });

  test('is refused for good by the station, and in passing where it was not sent', () => {
    expect(outcomeOf(write, result({ status: 'RebootRequired' }))).toEqual({ kind: 'answered', value: null });
    expect(outcomeOf(write, result({ status: 'Rejected' }))).toMatchObject({ kind: 'denied' });
    const denied = { setVariableResult: [{ attributeStatus: 'NotSupportedAttributeType' }] };
    expect(outcomeOf(writeV2, result(denied))).toMatchObject({ kind: 'denied' });
    expect(outcomeOf(write, { kind: 'error', code: 'NotSupported', description: '' })).toMatchObject({
      kind: 'denied',
    });
    expect(outcomeOf(write, refused('forbidden'))).toMatchObject({ kind: 'denied' });
    expect(outcomeOf(write, refused('not_connected'))).toMatchObject({ kind: 'refused', reason: 'not_sent' });
  });
});
