/**
 * The schema of the file as JSON Schema: for validation here, and for editors outside.
 *
 * Pure.
 */
import type { TSchema } from 'typebox';
import type { Annotations, Kind } from './schema-parts.ts';
import { configurationSchema } from './schema.ts';

/** A JSON Schema, as far as this schema uses it. */
export interface JsonSchema extends Annotations {
  readonly $schema?: string;
  readonly $id?: string;
  readonly title?: string;
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly JsonSchema[];
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | false;
  readonly required?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly pattern?: string;
}

/** With the words of ours; an object's `required` are its `needs`, since everything else has a default or may be absent. */
export function validationSchema(schema: TSchema): JsonSchema {
  return rewritten(schema, (node) => node);
}

/** Draft 2020-12 without words of ours: kinds become patterns, which also let `${NAME}` pass. */
export function publishedSchema(): JsonSchema {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Busbar configuration (busbar.yaml)',
    ...plainSchema(configurationSchema),
  };
}

/** The same of any schema that is made of these pieces. */
export function plainSchema(schema: TSchema): JsonSchema {
  return rewritten(schema, (node) => {
    const { kind } = node;
    const standard = Object.fromEntries(Object.entries(node).filter(([word]) => !ownWords.has(word)));
    return kind === undefined ? standard : { ...standard, pattern: `^(${patterns[kind]}|.*\\$\\{.+)$` };
  });
}

const ownWords: ReadonlySet<string> = new Set([
  'kind',
  'least',
  'most',
  'expects',
  'needs',
] satisfies (keyof Annotations)[]);

const patterns: Readonly<Record<Kind, string>> = {
  duration: '\\d+(ms|s|min|h|d)',
  size: '\\d+(B|KiB|MiB|GiB|TiB)',
  rate: '\\d+/(s|min|h)|unlimited',
  address: '(\\[[^\\]]+\\]|[^:\\[\\]]+):\\d{1,5}',
};

type Built = JsonSchema & { readonly patternProperties?: Readonly<Record<string, Built>> };

function rewritten(schema: Built, finish: (node: JsonSchema) => JsonSchema): JsonSchema {
  const { patternProperties, required: _required, ...rest } = schema;
  const again = (node: JsonSchema): JsonSchema => rewritten(node, finish);
  const entry = patternProperties === undefined ? undefined : Object.values(patternProperties)[0];
  return finish({
    ...rest,
    ...(schema.needs === undefined ? {} : { required: schema.needs }),
    ...(schema.items === undefined ? {} : { items: again(schema.items) }),
    ...(schema.anyOf === undefined ? {} : { anyOf: schema.anyOf.map(again) }),
    ...(schema.properties === undefined
      ? {}
      : {
          properties: Object.fromEntries(
            Object.entries(schema.properties).map(([name, node]) => [name, again(node)]),
          ),
        }),
    ...(entry === undefined ? {} : { additionalProperties: again(entry) }),
  });
}
