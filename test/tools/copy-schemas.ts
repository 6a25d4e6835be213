/**
 * Copies the official OCPP JSON schemas into schemas/ocpp, one file per message.
 *
 * Run it after an update of typed-ocpp: `node test/tools/copy-schemas.ts`. Nothing in a schema is changed; each file keeps those of the
 * package's shared definitions that its message uses. test/conformance/schemas.test.ts fails while the folder is stale.
 */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as ocpp16 from 'typed-ocpp/dist/ocpp16/schemas.js';
import * as ocpp20 from 'typed-ocpp/dist/ocpp20/schemas.js';
import * as ocpp21 from 'typed-ocpp/dist/ocpp21/schemas.js';

export const schemasFolder = join(import.meta.dirname, '../../schemas/ocpp');

/** Versions as the folders are named. */
export const schemaVersions = ['1.6', '2.0.1', '2.1'] as const;
export type SchemaVersion = (typeof schemaVersions)[number];

/** A JSON schema, as far as the official ones go. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean;
  readonly items?: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly multipleOf?: number;
  readonly format?: string;
  readonly definitions?: Readonly<Record<string, Schema>>;
}

const packaged: Readonly<Record<SchemaVersion, Readonly<Record<string, unknown>>>> = {
  '1.6': ocpp16,
  '2.0.1': ocpp20,
  '2.1': ocpp21,
};

/** Every file of schemas/ocpp, by its path there, made from the installed package. */
export function schemaFiles(): Map<string, string> {
  const files = new Map<string, string>();
  for (const version of schemaVersions) {
    for (const [message, schema] of Object.entries(packaged[version])) {
      files.set(
        join(version, `${message}.json`),
        `${JSON.stringify(withOwnDefinitions(schema as Schema), null, 2)}\n`,
      );
    }
  }
  return files;
}

/** The schemas as they are kept in the repository, by message name (`AuthorizeRequest`, …). */
export async function readSchemas(version: SchemaVersion): Promise<Map<string, Schema>> {
  const folder = join(schemasFolder, version);
  const schemas = new Map<string, Schema>();
  for (const file of (await readdir(folder)).sort()) {
    schemas.set(
      file.replace(/\.json$/, ''),
      JSON.parse(await readFile(join(folder, file), 'utf8')) as Schema,
    );
  }
  return schemas;
}

function withOwnDefinitions(schema: Schema): Schema {
  const { definitions: shared = {}, ...rest } = schema;
  const used = new Set<string>();
  collectReferences(rest, shared, used);
  const own = Object.entries(shared).filter(([name]) => used.has(name));
  return own.length === 0 ? rest : { definitions: Object.fromEntries(own), ...rest };
}

function collectReferences(node: unknown, shared: Readonly<Record<string, Schema>>, used: Set<string>): void {
  if (typeof node !== 'object' || node === null) return;
  for (const [key, value] of Object.entries(node)) {
    if (key !== '$ref' || typeof value !== 'string') collectReferences(value, shared, used);
    else {
      const name = value.replace('#/definitions/', '');
      if (used.has(name)) continue;
      used.add(name);
      collectReferences(shared[name], shared, used);
    }
  }
}

if (import.meta.main) {
  for (const version of schemaVersions) {
    await rm(join(schemasFolder, version), { recursive: true, force: true });
    await mkdir(join(schemasFolder, version), { recursive: true });
  }
  const files = schemaFiles();
  for (const [path, text] of files) await writeFile(join(schemasFolder, path), text);
  process.stdout.write(`${files.size} schemas copied\n`);
}
