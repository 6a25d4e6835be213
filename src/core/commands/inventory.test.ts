import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import type { ValidateFunction } from 'ajv';
import { readSchemas, type Schema } from '../../../test/tools/copy-schemas.ts';
import { compileSchema } from '../../../test/tools/payload-from-schema.ts';
import {
  applyInventoryChange,
  emptyInventory,
  learn,
  learnReport,
  settingsMax,
  valueCharactersMax,
  type Inventory,
} from './inventory.ts';
import { readPayload } from './payload.ts';
import { overlay, serveSettings, type VirtualValues } from './served-settings.ts';

let isValidKeys: ValidateFunction;
let isValidVariables: ValidateFunction;

beforeAll(async () => {
  isValidKeys = compileSchema((await readSchemas('1.6')).get('GetConfigurationResponse') as Schema);
  isValidVariables = compileSchema((await readSchemas('2.0.1')).get('GetVariablesResponse') as Schema);
});

const readJson = (value: object): ReturnType<typeof readPayload> => readPayload(JSON.stringify(value));

function learned(inventory: Inventory, action: string, command: object, answer: object): boolean {
  const change = learn(inventory, action, readJson(command), readJson(answer));
  if (change !== null) applyInventoryChange(inventory, change);
  return change !== null;
}

function served(inventory: Inventory, action: string, command: object, virtual: VirtualValues = {}): unknown {
  const answer = serveSettings(inventory, action, readPayload(JSON.stringify(command)), virtual);
  if (answer.kind === 'error') return answer.meaning;
  const payload: unknown = JSON.parse(answer.payload);
  const isValid = action === 'GetConfiguration' ? isValidKeys : isValidVariables;
  expect(isValid(payload), JSON.stringify(isValid.errors)).toBe(true);
  return payload;
}

const listed = {
  configurationKey: [
    { key: 'MeterValueSampleInterval', readonly: false, value: '60' },
    { key: 'NumberOfConnectors', readonly: true, value: '2' },
    { key: 'AuthorizationKey', readonly: false, value: 'a-secret' },
    { key: 'ModemPassword', readonly: false, value: 'a-secret' },
  ],
  unknownKey: [],
};

function of16(): Inventory {
  const inventory = emptyInventory();
  learned(inventory, 'GetConfiguration', {}, listed);
  return inventory;
}

function variable(component: string, name: string): { component: object; variable: object } {
  return { component: { name: component }, variable: { name } };
}

test('reads are served from what the station has answered, and keys it was never seen to have are unknown', () => {
  const inventory = of16();
  expect(served(inventory, 'GetConfiguration', { key: ['metervaluesampleinterval', 'Other'] })).toEqual({
    configurationKey: [{ key: 'MeterValueSampleInterval', readonly: false, value: '60' }],
    unknownKey: ['Other'],
  });
  expect(served(inventory, 'GetConfiguration', {})).toEqual({
    configurationKey: listed.configurationKey.slice(0, 2),
    unknownKey: [],
  });
});

test('while nothing is known, that is said, rather than that the station has no settings', () => {
  expect(served(emptyInventory(), 'GetConfiguration', {})).toBe('generic');
  expect(served(emptyInventory(), 'GetVariables', { getVariableData: [variable('A', 'B')] })).toBe('generic');
});

test('an accepted change is learned, one that needs a restart or was rejected is not; what is known is no news', () => {
  const inventory = of16();
  const change = { key: 'meterValueSampleInterval', value: '30' };
  expect(learned(inventory, 'ChangeConfiguration', change, { status: 'Rejected' })).toBe(false);
  expect(learned(inventory, 'ChangeConfiguration', change, { status: 'RebootRequired' })).toBe(false);
  expect(learned(inventory, 'ChangeConfiguration', change, { status: 'Accepted' })).toBe(true);
  expect(learned(inventory, 'ChangeConfiguration', change, { status: 'Accepted' })).toBe(false);
  expect(served(inventory, 'GetConfiguration', { key: ['MeterValueSampleInterval'] })).toMatchObject({
    configurationKey: [{ key: 'MeterValueSampleInterval', value: '30' }],
  });
});

test('secrets are neither kept nor served (§2.8)', () => {
  const inventory = of16();
  learned(
    inventory,
    'ChangeConfiguration',
    { key: 'AuthorizationKey', value: 'a-secret' },
    { status: 'Accepted' },
  );
  const password = variable('SecurityCtrlr', 'BasicAuthPassword');
  learned(
    inventory,
    'SetVariables',
    { setVariableData: [{ ...password, attributeValue: 'a-secret' }] },
    { setVariableResult: [{ ...password, attributeStatus: 'Accepted' }] },
  );
  expect(JSON.stringify(inventory)).not.toContain('a-secret');
  expect(served(inventory, 'GetConfiguration', { key: ['AuthorizationKey'] })).toEqual({
    configurationKey: [],
    unknownKey: ['AuthorizationKey'],
  });
  expect(served(inventory, 'GetVariables', { getVariableData: [password] })).toMatchObject({
    getVariableResult: [{ attributeStatus: 'Rejected' }],
  });
});

test('variables are learned from reads, writes and reports, attribute by attribute', () => {
  const inventory = emptyInventory();
  const interval = variable('AlignedDataCtrlr', 'Interval');
  learned(
    inventory,
    'SetVariables',
    { setVariableData: [{ ...interval, attributeValue: '900' }] },
    { setVariableResult: [{ ...interval, attributeStatus: 'Accepted' }] },
  );
  const change = learnReport(
    inventory,
    readPayload(
      JSON.stringify({
        reportData: [
          {
            ...variable('EVSE', 'Power'),
            variableAttribute: [{ type: 'MaxSet', value: '22', mutability: 'ReadOnly' }],
          },
          { ...variable('SecurityCtrlr', 'BasicAuthPassword'), variableAttribute: [{ value: 'a-secret' }] },
        ],
      }),
    ),
  );
  if (change !== null) applyInventoryChange(inventory, change);
  expect(
    served(inventory, 'GetVariables', {
      getVariableData: [
        variable('aligneddatactrlr', 'INTERVAL'),
        { ...variable('EVSE', 'Power'), attributeType: 'MaxSet' },
        variable('EVSE', 'Power'),
        variable('Other', 'Power'),
      ],
    }),
  ).toMatchObject({
    getVariableResult: [
      { attributeStatus: 'Accepted', attributeValue: '900' },
      { attributeStatus: 'Accepted', attributeValue: '22', attributeType: 'MaxSet' },
      { attributeStatus: 'UnknownVariable' },
      { attributeStatus: 'UnknownComponent' },
    ],
  });
  learned(
    inventory,
    'GetVariables',
    {},
    { getVariableResult: [{ ...interval, attributeStatus: 'UnknownVariable' }] },
  );
  expect(JSON.stringify(inventory)).not.toMatch(/AlignedDataCtrlr|a-secret/);
});

test('what is too much is not kept: settings over the bound, values over the length', () => {
  const inventory = emptyInventory();
  const configurationKey = Array.from({ length: settingsMax + 5 }, (_, at) => ({
    key: `Key${at}`,
    readonly: false,
    value: at === 0 ? 'x'.repeat(valueCharactersMax + 1) : 'x',
  }));
  learned(inventory, 'GetConfiguration', {}, { configurationKey });
  expect([Object.keys(inventory.settings).length, inventory.isFull]).toEqual([settingsMax, true]);
  expect(served(inventory, 'GetConfiguration', { key: ['Key0', 'Key1', `Key${settingsMax}`] })).toEqual({
    configurationKey: [
      { key: 'Key0', readonly: false },
      { key: 'Key1', readonly: false, value: 'x' },
    ],
    unknownKey: [`Key${settingsMax}`],
  });
});

test('an inventory is plain JSON, and hostile names stay names', () => {
  const inventory = emptyInventory();
  learned(
    inventory,
    'GetConfiguration',
    {},
    {
      configurationKey: ['__proto__', 'constructor', 'toString'].map((key) => ({
        key,
        readonly: true,
        value: '1',
      })),
    },
  );
  const saved = JSON.parse(JSON.stringify(inventory)) as Inventory;
  expect(saved).toEqual(inventory);
  expect(served(saved, 'GetConfiguration', { key: ['__proto__', 'hasOwnProperty'] })).toEqual({
    configurationKey: [{ key: '__proto__', readonly: true, value: '1' }],
    unknownKey: ['hasOwnProperty'],
  });
  expect(({} as Record<string, unknown>)['key']).toBe(undefined);
});

test('nothing a station answers breaks it or gets past its bounds', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('GetConfiguration', 'ChangeConfiguration', 'GetVariables', 'SetVariables'),
      fc.jsonValue(),
      fc.jsonValue(),
      (action, command, answer) => {
        const inventory = of16();
        const lists = { configurationKey: answer, getVariableResult: answer, setVariableResult: answer };
        learned(inventory, action, { setVariableData: command }, lists);
        served(inventory, 'GetConfiguration', {});
        overlay('ocpp1.6', 'GetConfiguration', JSON.stringify(lists), {});
      },
    ),
  );
});

test('a backend sees its own value of what Busbar owns, served or forwarded, and no secret', () => {
  const virtual = { heartbeatinterval: '7' };
  expect(served(of16(), 'GetConfiguration', { key: ['HeartbeatInterval'] }, virtual)).toEqual({
    configurationKey: [{ key: 'HeartbeatInterval', readonly: false, value: '7' }],
    unknownKey: [],
  });
  const text = JSON.stringify({
    configurationKey: [
      { key: 'HeartBeatInterval', readonly: false, value: '300' },
      { key: 'AuthorizationKey', readonly: false, value: 'a-secret' },
    ],
  });
  expect(JSON.parse(overlay('ocpp1.6', 'GetConfiguration', text, virtual))).toEqual({
    configurationKey: [
      { key: 'HeartBeatInterval', readonly: false, value: '7' },
      { key: 'AuthorizationKey', readonly: false },
    ],
  });
  const result = {
    getVariableResult: [
      {
        ...variable('OCPPCommCtrlr', 'HeartbeatInterval'),
        attributeStatus: 'Accepted',
        attributeValue: '300',
      },
      {
        ...variable('SecurityCtrlr', 'BasicAuthPassword'),
        attributeStatus: 'Accepted',
        attributeValue: 'a-secret',
      },
    ],
  };
  const seen: unknown = JSON.parse(overlay('ocpp2.0.1', 'GetVariables', JSON.stringify(result), virtual));
  expect(isValidVariables(seen)).toBe(true);
  expect(seen).toMatchObject({
    getVariableResult: [{ attributeValue: '7' }, { attributeStatus: 'Rejected' }],
  });
});

test.each([
  ['under a key that is written with an escape', '"v\\u0061lue":"a-secret"'],
  ['said twice', '"value":"a-secret","value":"a-secret too"'],
  ['said twice, the last in the end', '"value":"a-secret","x":1,"value":"a-secret too"'],
  ['that reads like its key', '"value":"value"'],
])('a secret %s is taken out, and nothing else', (_how, member) => {
  const secret = `{"key":"AuthorizationKey","readonly":false,${member}}`;
  const before = '{"key":"A","readonly":false,"value":"1"}';
  for (const [entries, at] of [
    [secret, 0],
    [`${before},${secret},${before}`, 1],
  ] as const) {
    const text = overlay('ocpp1.6', 'GetConfiguration', `{"configurationKey":[${entries}]}`, {});
    const { configurationKey } = JSON.parse(text) as { configurationKey: object[] };
    expect(configurationKey[at]).toEqual({
      key: 'AuthorizationKey',
      readonly: false,
      ...(member.includes('"x"') ? { x: 1 } : {}),
    });
    if (at === 1) for (const other of [0, 2]) expect(JSON.stringify(configurationKey[other])).toBe(before);
  }
});

test.each([
  ['key, the last harmless', '{"key":"AuthorizationKey","key":"A","value":"a-secret"}'],
  ['key, the last with an escape', '{"key":"AuthorizationKey","\\u006bey":"A","value":"a-secret"}'],
  ['key in another case', '{"key":"A","Key":"AuthorizationKey","value":"a-secret"}'],
])('what has two names is shown without its value, and is not learnt: %s', (_how, entry) => {
  const answer = `{"configurationKey":[${entry}]}`;
  expect(overlay('ocpp1.6', 'GetConfiguration', answer, {})).not.toContain('a-secret');
  expect(learn(emptyInventory(), 'GetConfiguration', readJson({}), readPayload(answer))).toBeNull();
});

test.each([
  [
    'variable',
    '"component":{"name":"SecurityCtrlr"},"variable":{"name":"BasicAuthPassword"},"variable":{"name":"A"}',
  ],
  ['name', '"component":{"name":"SecurityCtrlr"},"variable":{"name":"BasicAuthPassword","name":"A"}'],
  [
    'status',
    '"component":{"name":"SecurityCtrlr"},"variable":{"name":"BasicAuthPassword"},"attributeStatus":"Rejected"',
  ],
])('neither is a variable that has its %s twice', (what, members) => {
  const entry = `{"attributeStatus":"Accepted","attributeValue":"a-secret",${members}}`;
  const answer = `{"getVariableResult":[${entry}]}`;
  const seen = overlay('ocpp2.0.1', 'GetVariables', answer, {});
  expect(seen).not.toContain('a-secret');
  expect(isValidVariables(JSON.parse(seen))).toBe(true);
  expect(learn(emptyInventory(), 'GetVariables', readJson({}), readPayload(answer))).toBeNull();
  const report = `{"reportData":[{"variableAttribute":[{"value":"a-secret"}],${members}}]}`;
  if (what !== 'status') expect(learnReport(emptyInventory(), readPayload(report))).toBeNull();
});

test('a forwarded answer in which nothing is Busbar’s own passes to the byte', () => {
  const text = '{ "configurationKey": [ {"key":"A","readonly":false,"value":"1.0"} ] }';
  expect(overlay('ocpp1.6', 'GetConfiguration', text, { heartbeatinterval: '7' })).toBe(text);
  expect(overlay('ocpp1.6', 'Reset', text, {})).toBe(text);
});

test('an entry that two parsers read differently is given without its value, and teaches nothing', () => {
  const keys =
    '{"configurationKey":[{"key":"AuthorizationKey","key":"Note","readonly":true,"value":"s3cret"},{"key":"A","readonly":false,"value":"1"}],"unknownKey":[]}';
  expect(overlay('ocpp1.6', 'GetConfiguration', keys, {})).toBe(
    '{"configurationKey":[{"key":"Note","readonly":true},{"key":"A","readonly":false,"value":"1"}],"unknownKey":[]}',
  );
  expect(learn(emptyInventory(), 'GetConfiguration', readPayload('{}'), readPayload(keys))).toBeNull();
  const variables =
    '{"getVariableResult":[{"attributeStatus":"Accepted","attributeValue":"s3cret","component":{"name":"SecurityCtrlr"},"component":{"name":"A"},"variable":{"name":"B"}}]}';
  const seen = overlay('ocpp2.0.1', 'GetVariables', variables, {});
  expect(seen).not.toContain('s3cret');
  expect(isValidVariables(JSON.parse(seen))).toBe(true);
});
