/**
 * Settings as some firmware writes them: names with escapes, members twice, names that mean something to JavaScript, and its password among them.
 *
 * Pure and seeded. All of it is JSON. What a text says twice is read by one parser as the first and by another as the last.
 */
import type { Random } from './random.ts';

/** The station's password, which no backend is to see. */
export const stationSecret = 'S3CR3T-OF-THE-STATION';

type Payload = Readonly<Record<string, unknown>>;

const secret = JSON.stringify(stationSecret);

const keys: readonly string[] = [
  `{"key":"AuthorizationKey","readonly":false,"value":${secret}}`,
  `{"\\u006bey":"AuthorizationKey","readonly":false,"\\u0076alue":${secret}}`,
  `{"key":"Authorization\\u004bey","value":${secret},"readonly":false}`,
  `{"value":"","key":"AuthorizationKey","value":${secret}}`,
  `{"key":"AuthorizationKey","value":${secret},"value":""}`,
  `{"key":"AuthorizationKey","key":"Harmless","value":${secret}}`,
  `{"key":"Harmless","\\u006bey":"AuthorizationKey","value":${secret}}`,
  `{"key":"__proto__","readonly":true,"value":"polluted"}`,
  `{"key":"constructor","__proto__":{"key":"Harmless"},"value":"\\"]}"}`,
  'null',
  '[["key","AuthorizationKey"]]',
];

const component = '"component":{"name":"SecurityCtrlr"},"variable":{"name":"BasicAuthPassword"}';
const accepted = '"attributeStatus":"Accepted"';

const variables: readonly string[] = [
  `{${accepted},"attributeValue":${secret},${component}}`,
  `{${accepted},"attribute\\u0056alue":${secret},"\\u0063omponent":{"name":"SecurityCtrlr"},"variable":{"\\u006eame":"BasicAuth\\u0050assword"}}`,
  `{${accepted},"attributeValue":"","attributeValue":${secret},${component}}`,
  `{${accepted},"attributeValue":${secret},${component},"variable":{"name":"Harmless"}}`,
  `{"attributeStatus":"Rejected",${accepted},"attributeValue":${secret},${component}}`,
  `{${accepted},"attributeValue":"1","component":{"name":"__proto__"},"variable":{"name":"constructor"}}`,
  'null',
];

const lists: Readonly<Record<string, readonly [name: string, escaped: string, odd: readonly string[]]>> = {
  GetConfiguration: ['configurationKey', 'configuration\\u004bey', keys],
  GetVariables: ['getVariableResult', '\\u0067etVariableResult', variables],
};

/** The answer to that command, written so; null: it is none of settings. */
export function spellOddly(random: Random, action: string, payload: Payload): string | null {
  const list = lists[action];
  if (list === undefined) return null;
  const [name, escaped, odd] = list;
  const { [name]: known, ...rest } = payload;
  const entries = (Array.isArray(known) ? (known as unknown[]) : []).map((entry) => JSON.stringify(entry));
  entries.splice(random.below(entries.length + 1), 0, random.pick(odd), random.pick(odd));
  const members = [`"${random.pick([name, escaped])}":[${entries.join(',')}]`];
  // The same member again, and empty: whoever takes the last one sees nothing of the first.
  if (random.chance(0.1)) members.push(`"${random.pick([name, escaped])}":[]`);
  for (const [key, value] of Object.entries(rest))
    members.push(`${JSON.stringify(key)}:${JSON.stringify(value)}`);
  return `{${members.join(',')}}`;
}
