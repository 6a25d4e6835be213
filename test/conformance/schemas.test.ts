/**
 * The copy of the official schemas is the package's, and another package's copy says the same.
 */
import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  readSchemas,
  schemaFiles,
  schemasFolder,
  schemaVersions,
  type Schema,
  type SchemaVersion,
} from '../tools/copy-schemas.ts';

const require = createRequire(import.meta.url);

/** Where the two packages are known to differ: typed-ocpp has the lengths of later errata of 1.6. */
const knownDifferences = [
  'ChangeConfigurationRequest.value(maxLength): 2048, ocpp-rpc 500',
  'GetConfigurationResponse.configurationKey(items).value(maxLength): 2048, ocpp-rpc 500',
  'StatusNotificationRequest.info(maxLength): 100, ocpp-rpc 50',
];

test('schemas/ocpp holds exactly what the installed typed-ocpp has', async () => {
  const expected = schemaFiles();
  const found = new Map<string, string>();
  for (const version of schemaVersions) {
    for (const file of await readdir(join(schemasFolder, version))) {
      found.set(join(version, file), await readFile(join(schemasFolder, version, file), 'utf8'));
    }
  }
  expect([...found.keys()].sort()).toEqual([...expected.keys()].sort());
  for (const [path, text] of expected)
    expect(found.get(path) === text, `${path} is stale: run node test/tools/copy-schemas.ts`).toBe(true);
  expect(found.size).toBe(387);
});

test('the README beside them names the version they come from', async () => {
  const { version } = require('typed-ocpp/package.json') as { version: string };
  for (const file of [join(schemasFolder, 'README.md'), join(schemasFolder, '../../NOTICE')]) {
    expect(await readFile(file, 'utf8')).toMatch(
      new RegExp(`typed-ocpp\`? ${version.replaceAll('.', '\\.')}`),
    );
  }
});

describe('ocpp-rpc has the same messages, with the same constraints', () => {
  test.each<[SchemaVersion, string, readonly string[]]>([
    ['1.6', 'ocpp1_6', knownDifferences],
    ['2.0.1', 'ocpp2_0_1', []],
    ['2.1', 'ocpp2_1', []],
  ])('%s', async (version, file, known) => {
    const ours = await readSchemas(version);
    const theirs = new Map<string, Schema>();
    for (const schema of require(`ocpp-rpc/lib/schemas/${file}.json`) as (Schema & { $id: string })[]) {
      const name = schema.$id
        .replace('urn:', '')
        .replace(/\.req$/, 'Request')
        .replace(/\.conf$/, 'Response');
      theirs.set(name, schema);
    }
    expect([...theirs.keys()].sort()).toEqual([...ours.keys()].sort());
    const differences: string[] = [];
    for (const [name, schema] of ours) {
      const other = theirs.get(name) as Schema;
      compare(constraints(schema, schema), constraints(other, other), name, differences);
    }
    expect(differences).toEqual(known);
  });
});

test('the comparison sees a changed constraint', async () => {
  const schema = (await readSchemas('2.0.1')).get('AuthorizeRequest') as Schema;
  const spoilt = structuredClone(schema) as { properties: { certificate: { maxLength: number } } };
  spoilt.properties.certificate.maxLength += 1;
  const differences: string[] = [];
  compare(constraints(schema, schema), constraints(spoilt, spoilt), 'AuthorizeRequest', differences);
  expect(differences).toHaveLength(1);
});

/** Keywords that constrain nothing. */
const annotations = new Set([
  '$schema',
  '$id',
  'id',
  'title',
  'comment',
  'description',
  'javaType',
  'default',
  'definitions',
  'additionalItems',
]);

/** The schema as a tree of constraints: references followed, annotations and order gone. */
function constraints(node: Schema, root: Schema): unknown {
  if (node.$ref !== undefined)
    return constraints(root.definitions?.[node.$ref.replace('#/definitions/', '')] as Schema, root);
  const tree: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(node)) {
    if (annotations.has(key)) continue;
    if (key === 'properties') {
      for (const [name, property] of Object.entries(value as Record<string, Schema>))
        tree[`.${name}`] = constraints(property, root);
    } else if (key === 'items') tree['(items)'] = constraints(value as Schema, root);
    else if (key === 'enum' || key === 'required')
      tree[`(${key})`] = [...(value as string[])].sort().join(' ');
    else if (key !== 'additionalProperties' || node.type === 'object') tree[`(${key})`] = value;
  }
  return tree;
}

function compare(ours: unknown, theirs: unknown, path: string, differences: string[]): void {
  if (typeof ours === 'object' && typeof theirs === 'object' && ours !== null && theirs !== null) {
    const keys = new Set([...Object.keys(ours), ...Object.keys(theirs)]);
    for (const key of keys) {
      compare(
        (ours as Record<string, unknown>)[key],
        (theirs as Record<string, unknown>)[key],
        `${path}${key}`,
        differences,
      );
    }
  } else if (ours !== theirs) differences.push(`${path}: ${String(ours)}, ocpp-rpc ${String(theirs)}`);
}
