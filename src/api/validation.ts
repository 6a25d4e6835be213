/**
 * Checks requests against their schemas and says where they are wrong.
 *
 * Query and path values are texts, so numbers and booleans are read from them; a body is taken as it is. Nothing is ever removed: an unknown
 * field is a fault of the caller that must be heard.
 */
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import { nestingMax } from '../protocol/frame.ts';
import type { ProblemItem } from './problem.ts';

const common = {
  removeAdditional: false,
  useDefaults: true,
  allErrors: true,
  strict: true,
  verbose: true,
} as const;
const readers = {
  text: withFormats(new Ajv2020({ ...common, coerceTypes: true })),
  exact: withFormats(new Ajv2020({ ...common, coerceTypes: false })),
};

/** The check for one part of a request. It is compiled when it is first asked for: a start with dozens of routes need not wait for them. */
export function compileCheck(schema: object, part: string | undefined): Check {
  const reader = part === 'body' ? readers.exact : readers.text;
  let validate: ValidateFunction | null = null;
  const check: Check = (data) => {
    validate ??= reader.compile(schema);
    const isValid = validate(data);
    check.errors = validate.errors ?? null;
    return isValid;
  };
  return check;
}

/** As the HTTP library wants it: true, or `errors` says what is wrong. */
export interface Check {
  (data: unknown): boolean;
  errors?: ErrorObject[] | null;
}

/** Levels that a body may have: those of a frame, whose outer array a command's body stands for (protocol/frame.ts). */
export const levelsMax = nestingMax;

/** Level by level: what is nested deeply would overflow the stack of whoever walks it. */
export function isTooDeep(body: unknown): boolean {
  let level: object[] = [body].filter(isBranch);
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth === levelsMax) return true;
    level = level.flatMap((value) => Object.values(value) as unknown[]).filter(isBranch);
  }
  return false;
}

function isBranch(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

const rfc3339 = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})$/;

/** Milliseconds since 1970 of an RFC 3339 time with its offset, or null. */
export function readTime(text: string): number | null {
  const ms = rfc3339.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(ms) ? null : ms;
}

/** What Ajv found, in words. `part` is `querystring`, `params` or `body`, as the HTTP library names it. */
export function explain(errors: readonly Partial<ErrorObject>[], part: string): ProblemItem[] {
  const root = part === 'querystring' ? 'query' : part === 'params' ? 'path' : part;
  const said = new Map<string, ProblemItem>();
  for (const error of errors) {
    const isRepeated = root === 'query' && Array.isArray(error.data);
    const reason = isRepeated ? 'is given more than once' : reasonOf(error);
    const item = { where: root + placeOf(error), reason };
    said.set(JSON.stringify(item), item);
  }
  return [...said.values()];
}

function withFormats(ajv: Ajv2020): Ajv2020 {
  return ajv.addFormat('date-time', { type: 'string', validate: (text) => readTime(text) !== null });
}

function placeOf(error: Partial<ErrorObject>): string {
  const params: Readonly<Record<string, unknown>> = error.params ?? {};
  const path = (error.instancePath ?? '').split('/').slice(1);
  const extra = params['additionalProperty'] ?? params['missingProperty'];
  return [...path, ...(typeof extra === 'string' ? [extra] : [])].map((step) => `.${step}`).join('');
}

function reasonOf(error: Partial<ErrorObject>): string {
  const params: Readonly<Record<string, unknown>> = error.params ?? {};
  switch (error.keyword) {
    case 'additionalProperties':
      return 'is not known here; check its spelling or leave it out';
    case 'required':
      return 'is missing';
    case 'enum':
      return `must be one of ${(params['allowedValues'] as unknown[]).join(', ')}`;
    case 'format':
      return 'must be an RFC 3339 time with its offset, such as 2026-12-01T02:00:00+01:00';
    case 'type':
      return `must be ${[params['type']].flat().map(wordOf).join(' or ')}`;
    case 'minimum':
      return `must be ${String(params['limit'])} or more`;
    case 'maximum':
      return `may be ${String(params['limit'])} at most`;
    case 'minLength':
      return params['limit'] === 1 ? blank : `must have ${String(params['limit'])} characters or more`;
    case 'maxLength':
      return `may have ${String(params['limit'])} characters at most`;
    case 'maxItems':
      return `may have ${String(params['limit'])} entries at most`;
    case 'pattern':
      // A reason has to say something.
      return params['pattern'] === '\\S'
        ? blank
        : `is not written as it should be: ${String(error.parentSchema?.['description']).replace(/\.$/, '')}`;
    default:
      return error.message ?? 'is invalid';
  }
}

const blank = 'must not be blank';

function wordOf(type: unknown): string {
  return typeWords[String(type)] ?? String(type);
}

const typeWords: Readonly<Record<string, string>> = {
  integer: 'a whole number',
  number: 'a number',
  string: 'a text',
  boolean: 'true or false',
  object: 'a JSON object',
  array: 'a list',
};
