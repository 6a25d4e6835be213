/**
 * Checks values against the schema, fills in defaults, and takes out what does not fit, so that everything else can still be checked.
 *
 * Pure. Whatever is taken out has been reported. Messages say what was expected in the words of the schema; Ajv's own are not shown.
 */
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import type { TSchema } from 'typebox';
import { assert } from '../../std/assert.ts';
import type { Result } from '../../std/result.ts';
import { validationSchema, type JsonSchema } from './json-schema.ts';
import { nearestName } from './nearest.ts';
import { findRefused } from './not-built.ts';
import type { KeyPath, Report } from './problem.ts';
import type { Kind } from './schema-parts.ts';
import { parseAddress, parseDuration, parseRate, parseSize, type UnitFault } from './units.ts';

/** Turns a value read from a file into what the schema describes. Defaults are filled in; the value is changed in place and must not be used again. */
export type ShapeReader<Shape> = (value: unknown, report: Report) => Shape;

const parsers: Readonly<Record<Kind, (text: string) => Result<unknown, UnitFault>>> = {
  duration: parseDuration,
  size: parseSize,
  rate: parseRate,
  address: parseAddress,
};

/** A reader of something that is an object at the top. Its schema is compiled when it first reads: most starts need one of them. */
export function shapeReader<Shape>(schema: TSchema): ShapeReader<Shape> {
  let compiled: { readonly json: JsonSchema; readonly validate: ValidateFunction } | null = null;
  return (value, report) => {
    const { json, validate } = (compiled ??= compile(schema));
    const root = fillBlanks(isObject(value) ? value : Object.create(null), json) as Tree;
    if (value !== null && value !== undefined && !isObject(value))
      report.add([], 'must be a map of keys', 'write "key: value" lines');
    findRefused(root, (path, refusal) => {
      report.add(path, refusal.what, refusal.remedy);
      takeOut(root, path);
    });
    settle(root, validate, report);
    return root as Shape;
  };
}

function compile(schema: TSchema): { readonly json: JsonSchema; readonly validate: ValidateFunction } {
  const json = validationSchema(schema);
  const ajv = new Ajv({
    allErrors: true,
    useDefaults: true,
    strict: false,
    verbose: true,
    validateFormats: false,
    // The schema is the code's own. To check it would take as long as the rest of it, at every start.
    validateSchema: false,
    // It is run once or twice: to make it faster takes longer than it takes.
    code: { optimize: false },
  });
  ajv.addKeyword({ keyword: 'kind', validate: validateKind, errors: true });
  return { json, validate: ajv.compile(json) };
}

type Tree = Record<string, unknown>;

/** Validates until nothing is left that does not fit; each round takes out what it found, and only the first speaks of missing keys. */
function settle(root: Tree, validate: ValidateFunction, report: Report): void {
  for (let round = 0; round < 10; round += 1) {
    if (validate(root)) return;
    const errors = (validate.errors ?? []).filter((error) => !error.schemaPath.includes('/anyOf/'));
    const misfits: KeyPath[] = [];
    for (const error of errors) {
      const path = pathOf(root, error);
      const isMissing = error.keyword === 'required';
      if (!isMissing) misfits.push(path);
      if ((!isMissing || round === 0) && !report.has(path)) report.add(path, ...explain(error, path));
    }
    if (misfits.length === 0) return;
    for (const path of misfits) takeOut(root, path);
  }
  assert(false, 'what does not fit the schema can be taken out');
}

/** A key without a value counts as absent; a name without an entry as an entry without keys (`CP-1:`). */
function fillBlanks(value: unknown, schema: JsonSchema | undefined): unknown {
  if (Array.isArray(value)) return value.map((item) => fillBlanks(item, schema?.items));
  if (!isObject(value)) return value;
  for (const [key, entry] of Object.entries(value)) {
    const isNamed = schema?.properties !== undefined;
    const entrySchema = isNamed
      ? ownEntry(schema.properties, key)
      : (schema?.additionalProperties ?? undefined);
    if (entry !== null) value[key] = fillBlanks(entry, entrySchema === false ? undefined : entrySchema);
    else if (isNamed && entrySchema !== undefined) delete value[key];
    else if (entrySchema !== undefined && entrySchema !== false && entrySchema.type === 'object')
      value[key] = Object.create(null);
  }
  return value;
}

function ownEntry(
  properties: Readonly<Record<string, JsonSchema>> | undefined,
  key: string,
): JsonSchema | undefined {
  return properties !== undefined && Object.hasOwn(properties, key) ? properties[key] : undefined;
}

/** Ajv asks this for every text of a kind; what is wrong travels in the error's params. */
function validateKind(kind: Kind, data: unknown, schema?: object): boolean {
  if (typeof data !== 'string') return true;
  const fault = kindFault(kind, data, schema as JsonSchema);
  (validateKind as { errors?: Partial<ErrorObject>[] }).errors =
    fault === null ? [] : [{ keyword: 'kind', message: 'does not fit its kind', params: fault }];
  return fault === null;
}

function kindFault(kind: Kind, text: string, { least, most }: JsonSchema): UnitFault | null {
  const parsed = parsers[kind](text);
  if (!parsed.ok) return parsed.fault;
  if (typeof parsed.value !== 'number') return null;
  if (least !== undefined && parsed.value < numberOf(kind, least))
    return { expected: `at least ${least}`, hint: null };
  if (most !== undefined && parsed.value > numberOf(kind, most))
    return { expected: `at most ${most}`, hint: null };
  return null;
}

function numberOf(kind: Kind, text: string): number {
  const parsed = parsers[kind](text);
  assert(
    parsed.ok && typeof parsed.value === 'number',
    'the bounds in the schema are written in its own notation',
  );
  return parsed.value;
}

/** Where the error is: for unknown and missing keys, the key itself. */
function pathOf(root: Tree, error: ErrorObject): KeyPath {
  const path: (string | number)[] = [];
  let node: unknown = root;
  for (const token of error.instancePath.split('/').slice(1)) {
    const key = token.replaceAll('~1', '/').replaceAll('~0', '~');
    const part = Array.isArray(node) ? Number(key) : key;
    path.push(part);
    node = (node as Record<string | number, unknown>)[part];
  }
  if (error.keyword === 'additionalProperties') path.push(error.params['additionalProperty'] as string);
  if (error.keyword === 'required') path.push(error.params['missingProperty'] as string);
  return path;
}

/** Takes the value at the path out of the tree: an entry of a map goes, so that its default comes; something wrong in a list takes the list with it, unless it is a list of maps. */
function takeOut(root: Tree, path: KeyPath): void {
  const parents: unknown[] = [root];
  for (const part of path.slice(0, -1)) {
    const next = (parents.at(-1) as Record<string | number, unknown> | undefined)?.[part];
    if (typeof next !== 'object' || next === null) return;
    parents.push(next);
  }
  const last = path.at(-1);
  const parent = parents.at(-1);
  if (last === undefined) return;
  if (!Array.isArray(parent)) {
    delete (parent as Tree)[last];
    return;
  }
  // A map where none may be is no entry of a list of maps: the list goes.
  if (parent.some(isObject) && !isObject(parent[last as number]))
    parent[last as number] = Object.create(null);
  else takeOut(root, path.slice(0, -1));
}

function explain(error: ErrorObject, path: KeyPath): readonly [string, string] {
  const schema = error.parentSchema as JsonSchema;
  const value = error.data;
  switch (error.keyword) {
    case 'additionalProperties':
      return explainUnknown(String(path.at(-1)), Object.keys(schema.properties ?? {}));
    case 'required': {
      const description = ownEntry(schema.properties, String(path.at(-1)))?.description ?? '';
      return ['is missing', `add it: ${description.replace(/\.( .*)?$/s, '')}`];
    }
    case 'type':
      return explainType(schema, value);
    case 'enum':
      return explainChoice(value, (schema.enum ?? []).map(String));
    case 'const':
      return [`can only be ${String(schema.const)}`, 'write that, or remove the key'];
    case 'anyOf': {
      const wrong = wrongName(schema, value);
      if (wrong !== null) return explainChoice(...wrong);
      // It may be a map or list of another kind, so that its type alone says nothing.
      const given = typeof value === 'object' && value !== null ? JSON.stringify(value) : typeName(value);
      return [`must be ${schema.expects ?? 'something else'}, not ${given}`, 'write it so'];
    }
    case 'minimum':
    case 'maximum':
      return [`must be ${typeText(schema)}, not ${shown(value)}`, 'write a number in that range'];
    case 'minLength':
      return ['is empty', 'write a value, or remove the key'];
    case 'minItems':
      return ['is an empty list', 'name at least one, or remove the key'];
    case 'uniqueItems':
      return ['names the same twice', 'keep one'];
    case 'kind':
      return explainKind(error.params as UnitFault, shown(value));
    default:
      return [`does not fit (${error.keyword})`, schema.description ?? 'see the reference'];
  }
}

function explainUnknown(key: string, known: readonly string[]): readonly [string, string] {
  const nearest = nearestName(key, known);
  return [
    'there is no such key here',
    nearest === null ? `the keys are ${known.join(', ')}` : `did you mean ${nearest}?`,
  ];
}

/** What does not belong into a list of names, or is not the word that stands for one, with what could stand there. */
function wrongName(schema: JsonSchema, value: unknown): [unknown, readonly string[]] | null {
  const words = (schema.anyOf ?? []).flatMap((branch) => wordsOf(branch));
  const names = (schema.anyOf ?? []).flatMap((branch) => wordsOf(branch.items));
  if (typeof value === 'string' && words.length > 0)
    return names.includes(value) ? null : [value, [...words, ...names]];
  if (!Array.isArray(value) || names.length === 0) return null;
  const wrong: unknown = value.find((one) => !names.includes(one as string));
  return wrong === undefined ? null : [wrong, names];
}

function wordsOf(schema: JsonSchema | undefined): readonly string[] {
  return (schema?.enum ?? []).map(String);
}

function explainChoice(value: unknown, names: readonly string[]): readonly [string, string] {
  const nearest = typeof value === 'string' ? nearestName(value, names) : null;
  const list = names.length === 1 ? `can only be ${names[0]}` : `must be one of ${names.join(', ')}`;
  return [
    `${list}, not ${shown(value)}`,
    nearest === null ? 'write one of these' : `did you mean ${nearest}?`,
  ];
}

function explainKind(fault: UnitFault, found: string): readonly [string, string] {
  return [`must be ${fault.expected}, not ${found}`, fault.hint ?? 'write it so'];
}

/** Says nothing of the value itself: it may be a secret in the wrong place. */
function explainType(schema: JsonSchema, value: unknown): readonly [string, string] {
  const keys = Object.keys(schema.properties ?? {});
  if (keys.join() === 'file,env')
    return [
      'must say where the secret is, since this file never holds one',
      'write { file: PATH } or { env: NAME }',
    ];
  const fault = schema.kind === undefined ? null : kindFault(schema.kind, plainText(value), schema);
  if (fault !== null) return explainKind(fault, typeName(value));
  const what = `must be ${typeText(schema)}, not ${typeName(value)}`;
  if (schema.type === 'string' && (typeof value === 'number' || typeof value === 'boolean'))
    return [what, 'put it in quotes'];
  if (schema.type === 'array' && typeof value === 'string') return [what, 'write it in square brackets'];
  if (schema.type === 'object') return [what, `its keys are ${keys.join(', ') || 'names of your choice'}`];
  return [what, 'write it so'];
}

function typeText(schema: JsonSchema): string {
  switch (schema.type) {
    case 'string':
      return 'text';
    case 'boolean':
      return 'true or false';
    case 'array':
      return 'a list';
    case 'object':
      return 'a map of keys';
    case 'integer':
      return `a whole number from ${schema.minimum} to ${schema.maximum}`;
    default:
      return 'something else';
  }
}

/** Maps have no prototype here and cannot be turned into text. */
function plainText(value: unknown): string {
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
}

function typeName(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  switch (typeof value) {
    case 'string':
      return 'text';
    case 'number':
      return Number.isInteger(value) ? `the number ${value}` : 'a fraction';
    case 'boolean':
      return String(value);
    default:
      return value === null ? 'nothing' : 'a map';
  }
}

/** The value, short enough for a line. */
function shown(value: unknown): string {
  if (typeof value !== 'string') return typeName(value);
  return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}…` : value);
}

function isObject(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
