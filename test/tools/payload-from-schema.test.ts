import { describe, expect, test } from 'vitest';
import { readSchemas, schemaVersions } from './copy-schemas.ts';
import { compileSchema, fullPayload, minimalPayload, randomPayload } from './payload-from-schema.ts';
import { seededRandom } from './seeded-random.ts';

describe.each(schemaVersions)('%s: payloads of every message are valid', (version) => {
  test('smallest, fullest, and random ones', async () => {
    const random = seededRandom(7);
    for (const [message, schema] of await readSchemas(version)) {
      const validate = compileSchema(schema);
      const payloads = [
        minimalPayload(schema),
        fullPayload(schema),
        ...Array.from({ length: 20 }, () => randomPayload(schema, random)),
      ];
      for (const payload of payloads) {
        expect(validate(payload), `${message}: ${JSON.stringify(validate.errors)}`).toBe(true);
        expect(JSON.stringify(payload).length).toBeLessThan(100_000);
      }
      expect(Object.keys(payloads[1] as object)).toEqual(Object.keys(schema.properties ?? {}));
      expect(Object.keys(payloads[0] as object).sort()).toEqual([...(schema.required ?? [])].sort());
    }
  });

  test('the same seed makes the same payloads, another seed others', async () => {
    const schemas = [...(await readSchemas(version)).values()];
    const made = (seed: number): string => {
      const random = seededRandom(seed);
      return JSON.stringify(schemas.map((schema) => randomPayload(schema, random)));
    };
    expect(made(1)).toBe(made(1));
    expect(made(1)).not.toBe(made(2));
  });
});

test('the validator refuses what the schema refuses', async () => {
  const validate = compileSchema((await readSchemas('1.6')).get('AuthorizeRequest') ?? {});
  expect(validate({ idTag: 'x'.repeat(20) })).toBe(true);
  for (const payload of [{}, { idTag: 1 }, { idTag: 'x'.repeat(21) }, { idTag: 'x', extra: 1 }])
    expect(validate(payload)).toBe(false);
});
