/**
 * Valid payloads made from a message's official schema: the smallest, the fullest, and random ones from a seed.
 *
 * Pure. What it makes is checked with Ajv in payload-from-schema.test.ts, for every message of every version.
 */
import { Ajv, type ValidateFunction } from 'ajv';
import type { Schema } from './copy-schemas.ts';
import type { Random } from './seeded-random.ts';

/** What to choose where the schema leaves a choice. */
interface Choice {
  includes(property: string): boolean;
  /** Whole, from `low` to `high`. */
  size(low: number, high: number): number;
  value<Item>(items: readonly Item[]): Item;
}

/** Longest text and list that are made where the schema allows more: payloads stay well below a station's frame limit. */
const textCharactersMax = 50;
const itemsMax = 2;

/** Only what is required, each as small as allowed. */
export function minimalPayload(schema: Schema): unknown {
  return make(schema, schema, { includes: () => false, size: (low) => low, value: first }, '');
}

/** Every property, lists of two, texts at their longest (or 50 characters). */
export function fullPayload(schema: Schema): unknown {
  return make(
    schema,
    schema,
    {
      includes: () => true,
      size: (_, high) => high,
      value: (items) => items.at(-1) as (typeof items)[number],
    },
    '',
  );
}

/** Some of the properties, with random values; the same for the same state of `random`. */
export function randomPayload(schema: Schema, random: Random): unknown {
  const choice: Choice = {
    includes: () => random.next() < 0.5,
    size: (low, high) => low + random.below(high - low + 1),
    value: (items) => random.pick(items),
  };
  return make(schema, schema, choice, '');
}

/**
 * A validator of the official schemas: lax about keywords on the wrong type, of which they have many, exact about decimals that binary
 * numbers cannot be (`multipleOf: 0.1`).
 */
export function compileSchema(schema: Schema): ValidateFunction {
  const ajv = new Ajv({
    strict: false,
    allErrors: true,
    inlineRefs: false,
    multipleOfPrecision: 6,
    code: { optimize: false },
  });
  ajv.addFormat('date-time', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/);
  ajv.addFormat('uri', { type: 'string', validate: (text: string) => URL.canParse(text) });
  return ajv.compile(schema);
}

const texts = ['x', '充电', 'a"b\\c', '🔌', '[2,"id"]', '/path', '\u0000', 'Größe'];
const times = [
  '2026-11-24T02:00:00Z',
  '2026-11-24T02:00:00.123Z',
  '2026-11-24T03:00:00+01:00',
  '1970-01-01T00:00:00Z',
];
const uris = [
  'https://example.com/a',
  'ftp://user:secret@example.com:21/logs?x=%20',
  'http://[2001:db8::1]:8080/',
];

function make(schema: Schema, root: Schema, choice: Choice, name: string): unknown {
  if (schema.$ref !== undefined) {
    const definition = root.definitions?.[schema.$ref.replace('#/definitions/', '')];
    if (definition === undefined) throw new Error(`no definition for ${schema.$ref}`);
    return make(definition, root, choice, name);
  }
  if (schema.enum !== undefined) return choice.value(schema.enum);
  switch (schema.type) {
    case 'object':
      return makeObject(schema, root, choice);
    case 'array': {
      const low = schema.minItems ?? 0;
      const length = choice.size(low, Math.max(low, Math.min(schema.maxItems ?? itemsMax, itemsMax)));
      return Array.from({ length }, () => make(schema.items ?? {}, root, choice, name));
    }
    case 'string':
      return makeText(schema, choice);
    case 'integer':
      return makeInteger(schema, choice);
    case 'number': {
      const step = schema.multipleOf ?? 0.001;
      const low = Math.ceil((schema.minimum ?? -1_000) / step);
      const high = Math.floor((schema.maximum ?? 100_000) / step);
      return Number((choice.size(low, high) * step).toFixed(3));
    }
    case 'boolean':
      return choice.value([false, true]);
    case undefined:
      // 2.x's DataTransfer.data may be anything.
      return choice.value<unknown>([
        'text',
        1.5,
        null,
        [],
        { nested: { list: [1, 'two', { three: null }] } },
      ]);
    default:
      throw new Error(`type ${String(schema.type)} of ${name} is not expected`);
  }
}

function makeObject(schema: Schema, root: Schema, choice: Choice): Record<string, unknown> {
  const made: Record<string, unknown> = {};
  for (const [property, inner] of Object.entries(schema.properties ?? {})) {
    if (schema.required?.includes(property) === true || choice.includes(property)) {
      made[property] = make(inner, root, choice, property);
    }
  }
  // 2.x leaves customData open, for vendors.
  if (schema.additionalProperties !== false && 'vendorId' in made && choice.includes('vendorNote')) {
    made['vendorNote'] = { any: [1, 'thing'] };
  }
  return made;
}

function makeText(schema: Schema, choice: Choice): string {
  if (schema.format === 'date-time') return choice.value(times);
  if (schema.format === 'uri') return choice.value(uris);
  const low = schema.minLength ?? 0;
  const length = choice.size(
    low,
    Math.max(low, Math.min(schema.maxLength ?? textCharactersMax, textCharactersMax)),
  );
  let text = '';
  while (text.length < length) text += choice.value(texts);
  // A length counts code points, and a character must not be cut in two.
  return Array.from(text).slice(0, length).join('').toWellFormed();
}

function makeInteger(schema: Schema, choice: Choice): number {
  const low = Math.ceil(schema.minimum ?? -2_147_483_648);
  const high = Math.floor(schema.maximum ?? 2_147_483_647);
  return choice.size(low, high);
}

function first<Item>(items: readonly Item[]): Item {
  return items.at(0) as Item;
}
