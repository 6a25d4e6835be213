import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import type { ValidateFunction } from 'ajv';
import { readSchemas, type Schema } from '../../../test/tools/copy-schemas.ts';
import { compileSchema } from '../../../test/tools/payload-from-schema.ts';
import type { Asker } from './authority.ts';
import { payloadReader } from './payload.ts';
import { confirmedOf, decideSettings, mergeOwn, type SettingsDecision } from './settings.ts';

let isValidCall: ValidateFunction;
let isValidResult: ValidateFunction;

beforeAll(async () => {
  const schemas = await readSchemas('2.0.1');
  isValidCall = compileSchema(schemas.get('SetVariablesRequest') as Schema);
  isValidResult = compileSchema(schemas.get('SetVariablesResponse') as Schema);
});

const primary: Asker = { name: 'p', role: 'primary', granted: new Set(), isOwner: false };
const keys = [{ pattern: 'SmartChargingCtrlr.*', backend: 'load' }];

interface Element {
  readonly attributeValue: string;
  readonly component: { readonly name: string };
  readonly variable: { readonly name: string };
}

function element(component: string, variable: string, attributeValue = '60'): Element {
  return { attributeValue, component: { name: component }, variable: { name: variable } };
}

function setVariables(elements: readonly Element[], asker = primary): SettingsDecision {
  const text = JSON.stringify({ setVariableData: elements, customData: { vendorId: 'v' } });
  return decideSettings(asker, 'ocpp2.0.1', 'SetVariables', payloadReader(text), { keys, canRotate: true });
}

const mine = element('TxCtrlr', 'EVConnectionTimeOut');
const notMine = element('SmartChargingCtrlr', 'LimitChangeSignificance');
const taken = element('SecurityCtrlr', 'SecurityProfile', '1');
const password = element('SecurityCtrlr', 'BasicAuthPassword', 'a-password-of-some-length');
const heartbeat = element('OCPPCommCtrlr', 'HeartbeatInterval', '7');
const all = [mine, notMine, taken, password, heartbeat];

/** As a station would answer the call that reached it. */
function stationAnswers(payload: string): string {
  const call = JSON.parse(payload) as { setVariableData: Element[] };
  return JSON.stringify({
    setVariableResult: call.setVariableData.map(({ component, variable }) => ({
      attributeStatus: 'RebootRequired',
      component,
      variable,
    })),
  });
}

function namesIn(payload: string): string[] {
  const { setVariableResult } = JSON.parse(payload) as { setVariableResult: Element[] };
  return setVariableResult.map(({ component, variable }) => `${component.name}.${variable.name}`);
}

test('whatever is in the call, there is one result for each element, in the call’s order, valid by the schema (H16)', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...all), { minLength: 1, maxLength: 8 }), (elements) => {
      const { passage } = setVariables(elements);
      let answer: string;
      if (passage.do === 'split') {
        expect(isValidCall(JSON.parse(passage.payload))).toBe(true);
        answer = mergeOwn(passage.own, stationAnswers(passage.payload));
      } else if (passage.do === 'forward') {
        expect(elements.every((one) => one === mine)).toBe(true);
        return;
      } else answer = passage.answer.kind === 'result' ? passage.answer.payload : '';
      expect(isValidResult(JSON.parse(answer)), JSON.stringify(isValidResult.errors)).toBe(true);
      expect(namesIn(answer)).toEqual(
        elements.map(({ component, variable }) => `${component.name}.${variable.name}`),
      );
    }),
  );
});

test('only what the asker may write reaches the station', () => {
  const { passage, isProtected, rotation, remember } = setVariables(all);
  expect(passage.do === 'split' && (JSON.parse(passage.payload) as object)).toEqual({
    setVariableData: [mine],
    customData: { vendorId: 'v' },
  });
  expect([isProtected, String(rotation), remember.map(({ key }) => key)]).toEqual([
    true,
    '***',
    ['heartbeatinterval'],
  ]);
});

test('a backend that a rule gives some keys writes those and no others', () => {
  const load: Asker = { name: 'load', role: 'observer', granted: new Set(), isOwner: false };
  expect(setVariables([notMine], load).passage).toEqual({ do: 'forward' });
  expect(setVariables([mine], load).passage.do).toBe('answer');
});

test('a station that answers fewer results than it was asked for loses none of Busbar’s', () => {
  const { passage } = setVariables([mine, mine, notMine]);
  const merged = passage.do === 'split' ? mergeOwn(passage.own, '{"setVariableResult":[]}') : '';
  expect(namesIn(merged)).toEqual(['SmartChargingCtrlr.LimitChangeSignificance']);
});

test('a call in which one element names nothing is refused as a whole, and leaves nothing behind', () => {
  const decision = setVariables([password, { attributeValue: 'x' } as Element]);
  expect(decision).toMatchObject({ passage: { answer: { kind: 'error' } }, rotation: null, remember: [] });
});

test('a safe value is remembered only once the station has taken it', () => {
  const safe = element('OCPPCommCtrlr', 'HeartbeatInterval', '300');
  const { rememberOnceAccepted } = setVariables([safe]);
  const answer = (attributeStatus: string): string =>
    JSON.stringify({
      setVariableResult: [{ attributeStatus, component: safe.component, variable: safe.variable }],
    });
  expect(confirmedOf(rememberOnceAccepted, 'SetVariables', answer('Accepted'))).toEqual(rememberOnceAccepted);
  expect(confirmedOf(rememberOnceAccepted, 'SetVariables', answer('Rejected'))).toEqual([]);
  const values = [{ key: 'heartbeatinterval', value: '300', address: '' }];
  expect(confirmedOf(values, 'ChangeConfiguration', '{"status":"Accepted"}')).toEqual(values);
  expect(confirmedOf(values, 'ChangeConfiguration', '{"status":"Rejected"}')).toEqual([]);
});
