/**
 * The pieces the schema of the configuration file is made of.
 *
 * Pure. A piece is a JSON Schema with a few words of Busbar's own: `kind` (how a text is read; units.ts), `least` and `most` (in the
 * notation of the kind), `expects` (what an alternative amounts to, for messages), `needs` (keys without which an object is wrong).
 */
import { Type, type Static, type TSchema, type TProperties } from 'typebox';

/** How a text is read. */
export type Kind = 'duration' | 'size' | 'rate' | 'address';

/** The words of ours, as they stand in a schema. */
export interface Annotations {
  readonly description?: string;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly kind?: Kind;
  readonly least?: string;
  readonly most?: string;
  readonly expects?: string;
  readonly needs?: readonly string[];
}

/** An object without unknown keys. With `default: {}` it is there even when it is not written. */
export function section<Properties extends TProperties>(
  description: string,
  properties: Properties,
  options: { readonly default?: object; readonly needs?: readonly (keyof Properties & string)[] } = {},
) {
  return Type.Object(properties, { description, additionalProperties: false, ...options });
}

/** Names that the operator chooses, each with an entry. */
export function byName<Entry extends TSchema>(
  description: string,
  entry: Entry,
  options: { readonly default?: object; readonly examples?: readonly unknown[] } = {},
) {
  return Type.Record(Type.String(), entry, { description, ...options });
}

export function text(
  description: string,
  options: { readonly default?: string; readonly examples?: readonly string[] } = {},
) {
  return Type.String({ description, minLength: 1, ...options });
}

/** A text of some kind. `least` and `most` are inclusive. */
export function quantity(
  kind: Kind,
  description: string,
  options: {
    readonly default?: string;
    readonly least?: string;
    readonly most?: string;
    readonly examples?: readonly string[];
  } = {},
) {
  return Type.String({ description, kind, ...options });
}

export function flag(description: string, byDefault: boolean) {
  return Type.Boolean({ description, default: byDefault });
}

export function choice<const Names extends readonly string[]>(
  description: string,
  names: readonly [...Names],
  options: { readonly default?: Names[number] } = {},
) {
  return Type.Unsafe<Names[number]>({ enum: [...names], description, ...options });
}

export function texts(
  description: string,
  options: { readonly default?: readonly string[]; readonly examples?: readonly unknown[] } = {},
) {
  return Type.Array(Type.String({ minLength: 1 }), {
    description,
    minItems: options.default?.length === 0 ? 0 : 1,
    uniqueItems: true,
    ...options,
  });
}

/** One text or a list of them; `what` names one of them: "a path". */
export function oneOrMany(description: string, what: string, examples: readonly unknown[]) {
  const one = Type.String({ minLength: 1 });
  const expects = `${what} or a list of them`;
  return Type.Union([one, Type.Array(one, { minItems: 1, uniqueItems: true })], {
    description,
    expects,
    examples,
  });
}

/** One word that stands alone, or a list of names. */
export function wordOrNames<const Word extends string, const Names extends readonly string[]>(
  description: string,
  word: Word,
  names: readonly [...Names],
) {
  return Type.Unsafe<Word | readonly Names[number][]>({
    anyOf: [{ enum: [word] }, { type: 'array', items: { enum: [...names] }, minItems: 1 }],
    description,
    default: word,
    expects: `${word}, or a list of ${names.join(', ')}`,
  });
}

/** Some of a set of names. */
export function someOf<const Names extends readonly string[]>(
  description: string,
  names: readonly [...Names],
  byDefault: readonly Names[number][],
) {
  return Type.Array(Type.Unsafe<Names[number]>({ enum: [...names] }), {
    description,
    default: [...byDefault],
    minItems: 1,
    uniqueItems: true,
  });
}

/** A whole number. */
export function count(description: string, byDefault: number, least: number, most: number) {
  return Type.Integer({ description, default: byDefault, minimum: least, maximum: most });
}

/** A whole number, or `unlimited`. */
export function countOrUnlimited(description: string, byDefault: number, most: number) {
  const number = Type.Integer({ minimum: 1, maximum: most });
  const expects = `a whole number from 1 to ${most}, or unlimited`;
  return Type.Union([number, Type.Literal('unlimited')], { description, default: byDefault, expects });
}

/** Where a secret is: exactly one of `file` and `env`. The file itself never holds it. */
export function secret(description: string) {
  return section(description, {
    file: Type.Optional(
      text(
        'Path of a file that holds it, less one line end after it. Users other than the owner and the group must not be able to read it.',
        { examples: ['secrets/CP-1'] },
      ),
    ),
    env: Type.Optional(
      text('Name of the environment variable that holds it.', { examples: ['CP_1_PASSWORD'] }),
    ),
  });
}

export type SecretReference = Static<ReturnType<typeof secret>>;
