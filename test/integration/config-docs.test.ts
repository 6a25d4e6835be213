/** The reference pages say what the code does, and every verb shows an example. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { validationSchema, type JsonSchema } from '../../src/control/configuration/json-schema.ts';
import { configurationSchema } from '../../src/control/configuration/schema.ts';
import {
  configurationAndCliPages,
  documentedProgram,
  helpOf,
  verbsOf,
} from '../tools/configuration-pages.ts';

test.each(configurationAndCliPages())('$path is what `npm run docs` writes', async ({ path, text }) => {
  const written = await readFile(join(import.meta.dirname, '../..', path), 'utf8');
  expect(written === text, `${path} is stale: run npm run docs`).toBe(true);
});

describe('every verb', () => {
  const verbs = verbsOf(documentedProgram());

  test('is there', () => {
    expect(verbs.map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        'busbar serve',
        'busbar demo',
        'busbar config check',
        'busbar config schema',
        'busbar config print',
        'busbar simulate stations',
        'busbar simulate backend',
        'busbar station list',
        'busbar station show',
        'busbar station tail',
        'busbar backend list',
        'busbar frames tail',
      ]),
    );
  });

  test.each(verbs)(
    '$name has an example of itself in its help, and says what it does',
    ({ name, command }) => {
      expect(helpOf(command)).toMatch(new RegExp(`\\nExamples?:\\n  \\$ ${name}\\b`));
      expect(command.description()).not.toBe('');
    },
  );
});

test('every key is described', () => {
  const bare: string[] = [];
  const visit = (node: JsonSchema, path: string): void => {
    if ((node.description ?? '') === '') bare.push(path);
    for (const [name, child] of Object.entries(node.properties ?? {})) visit(child, `${path}.${name}`);
    if (typeof node.additionalProperties === 'object') visit(node.additionalProperties, `${path}.*`);
    if (node.items?.properties !== undefined) visit(node.items, `${path}[]`);
  };
  visit(validationSchema(configurationSchema), '');
  expect(bare).toEqual([]);
});
