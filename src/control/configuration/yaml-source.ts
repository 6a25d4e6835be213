/**
 * A YAML text as plain values, with the line of every key.
 *
 * Pure but for the turns that it lets pass. Read from the syntax tree rather than by the library's own conversion: maps have no prototype, so that `__proto__` is a key like any
 * other; number-like keys keep their spelling; aliases are refused, so nothing can grow by being named twice. `${NAME}` is replaced in values after
 * the text is taken apart, so that what the environment holds can never become structure. `$${NAME}` stands for `${NAME}` itself.
 *
 * `{station}` and `${NAME}` need no quotes, not even between the braces of YAML's short maps: their own braces are hidden from the parser behind two
 * characters of the private use area, one for one, so that every position stays what it was.
 *
 * A text with a whole fleet in it takes seconds to read: that is done in slices, since links are waiting meanwhile.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  Composer,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  Parser,
  Scalar,
  YAMLParseError,
  type CST,
  type Document,
  type ParsedNode,
  type YAMLMap,
} from 'yaml';
import { assert } from '../../std/assert.ts';
import type { KeyPath, ProblemList, Report } from './problem.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface YamlSource {
  /** Maps (without prototype), arrays, text, numbers, booleans and null. Undefined: the text is not YAML, and the report says why. */
  readonly value: unknown;
  readonly report: Report;
}

/** The longest text that is read. */
export const sourceBytesMax = 16 * 1024 * 1024;

const depthMax = 32;

/** Takes the text of `file` apart and reports what is not YAML or not allowed in it. */
export async function readYaml(
  file: string,
  text: string,
  env: Environment,
  problems: ProblemList,
): Promise<YamlSource> {
  const counter = new LineCounter();
  if (/[\uE000\uE001]/.test(text)) {
    const report = problems.of(file, () => null);
    report.add([], 'holds the characters U+E000 or U+E001, which mean nothing', 'remove them');
    return { value: undefined, report };
  }
  const document = await parse(withBracesHidden(text), counter);
  // What follows the first mistake in YAML is mostly its echo.
  const faults = [...document.errors.slice(0, 1), ...document.warnings];
  for (const fault of faults) {
    const { line } = counter.linePos(fault.pos[0]);
    const [what, remedy] = explain(fault.code, withBraces(fault.message));
    problems.of(file, () => line).add([], what, remedy);
  }
  const pairs: PairsByKey = new Map();
  const report = problems.of(file, (path) => lineOf(document, counter, pairs, path));
  if (faults.length > 0) return { value: undefined, report };
  await nextTurn();
  const at = (offset: number): Report => problems.of(file, () => counter.linePos(offset).line);
  const reader: Reader = { env, report, at, isSound: true };
  const value = valueOf(document.contents, [], reader);
  return { value: reader.isSound ? value : undefined, report };
}

/** What the library's `parseDocument` does, in slices. */
async function parse(text: string, lineCounter: LineCounter): Promise<Document.Parsed> {
  const tokens = await tokensOf(text, lineCounter);
  const composer = new Composer({
    lineCounter,
    prettyErrors: false,
    schema: 'core',
    // Looked for below: the library compares every key with every other, which takes seconds for a fleet's worth of stations.
    uniqueKeys: false,
    strict: true,
  });
  const [document, second] = composer.compose(tokens, true, text.length);
  assert(document !== undefined, 'a document is always composed when one is asked for');
  if (second !== undefined) {
    const [start, end] = second.range;
    document.errors.push(new YAMLParseError([start, end], 'MULTIPLE_DOCS', 'another document'));
  }
  return document;
}

/** Some ten milliseconds' worth. */
const lexemesAtOnce = 10_000;

async function tokensOf(text: string, { addNewLine }: LineCounter): Promise<readonly CST.Token[]> {
  const parser = new Parser(addNewLine);
  const tokens: CST.Token[] = [];
  addNewLine(0);
  let lexemes = 0;
  for (const lexeme of new Lexer().lex(text)) {
    tokens.push(...parser.next(lexeme));
    lexemes += 1;
    if (lexemes % lexemesAtOnce === 0) await nextTurn();
  }
  tokens.push(...parser.end());
  return tokens;
}

interface Reader {
  readonly env: Environment;
  readonly report: Report;
  /** A report about the place in the text itself, where a path would lead elsewhere. */
  readonly at: (offset: number) => Report;
  isSound: boolean;
}

function valueOf(node: ParsedNode | null, path: KeyPath, reader: Reader): unknown {
  if (node === null) return null;
  if (isAlias(node)) {
    const what = 'aliases (*name) are not allowed, so that every line says what it means';
    return refuse(reader, path, what, 'write the value out');
  }
  if (path.length > depthMax)
    return refuse(
      reader,
      path.slice(0, 4),
      `is nested deeper than ${depthMax}`,
      'a configuration needs no more than a few levels',
    );
  if (isMap(node)) return mapValue(node, path, reader);
  if (isSeq(node))
    return node.items.map((item, index) => valueOf(item as ParsedNode | null, [...path, index], reader));
  if (isScalar(node)) return scalarValue(node, path, reader);
  return null;
}

function mapValue(node: YAMLMap.Parsed, path: KeyPath, reader: Reader): Record<string, unknown> {
  const map: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const pair of node.items) {
    const key = keyOf(pair.key);
    if (key === null) {
      const offset = (pair.key as ParsedNode | null)?.range[0] ?? node.range[0];
      reader.at(offset).add(path, 'has a key that is not plain text', 'write keys as words');
      reader.isSound = false;
    } else if (Object.hasOwn(map, key)) {
      const what = 'stands twice, so that one of its values would be lost';
      reader.at(pair.key.range[0]).add([...path, key], what, 'keep one');
      reader.isSound = false;
    } else map[key] = valueOf(pair.value, [...path, key], reader);
  }
  return map;
}

function refuse(reader: Reader, path: KeyPath, what: string, remedy: string): undefined {
  reader.report.add(path, what, remedy);
  reader.isSound = false;
  return undefined;
}

function scalarValue(node: Scalar, path: KeyPath, reader: Reader): unknown {
  const { value } = node;
  if (typeof value === 'object' && value !== null)
    return refuse(reader, path, 'has a tag (!!name) that means nothing here', 'write the value without it');
  if (typeof value !== 'string') return value;
  const text = withBraces(value);
  if (!text.includes('${')) return text;
  const expanded = expand(text, path, reader);
  return node.type === Scalar.PLAIN ? plainValue(expanded) : expanded;
}

/** What a bare `${NAME}` stands for: a number or a boolean when it looks like one, as it would when written out. */
function plainValue(text: string): unknown {
  if (/^-?(0|[1-9]\d{0,14})(\.\d{1,15})?$/.test(text)) return Number(text);
  if (text === 'true' || text === 'false') return text === 'true';
  return text;
}

function expand(text: string, path: KeyPath, reader: Reader): string {
  return text.replaceAll(/\$?\$\{([^}]*)\}?/g, (found, name: string) => {
    if (found.startsWith('$$')) return found.slice(1);
    if (!found.endsWith('}') || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      const what = `${JSON.stringify(found.slice(0, 100))} does not name an environment variable`;
      reader.report.addUnread(path, what, 'write ${NAME}, or $${…} for the text itself');
      return '';
    }
    const value = Object.hasOwn(reader.env, name) ? reader.env[name] : undefined;
    if (value === undefined)
      reader.report.addUnread(
        path,
        `the environment variable ${name} is not set`,
        'set it, or write the value here',
      );
    return value ?? '';
  });
}

/** The text of a key as it is written, so that `007` and `0x10` are not taken for numbers. Null: not a plain key. */
function keyOf(node: unknown): string | null {
  if (!isScalar(node)) return null;
  const text = typeof node.value === 'string' ? node.value : node.source;
  return text === undefined ? null : withBraces(text);
}

function withBracesHidden(text: string): string {
  return text.replaceAll(/\{station\}|\$\{[^{}"'\n]*\}/g, (found) =>
    found.replace('{', '\uE000').replace('}', '\uE001'),
  );
}

function withBraces(text: string): string {
  return text.replaceAll('\uE000', '{').replaceAll('\uE001', '}');
}

type Pair = YAMLMap.Parsed['items'][number];
/** The entries of the maps that were asked about: a fleet's worth of stations may each have its mistake. */
type PairsByKey = Map<YAMLMap.Parsed, ReadonlyMap<string | null, Pair>>;

/** The line of the key, or of the nearest thing above it that stands in the text. */
function lineOf(
  document: Document.Parsed,
  counter: LineCounter,
  pairs: PairsByKey,
  path: KeyPath,
): number | null {
  let node: unknown = document.contents;
  let offset = 0;
  for (const part of path) {
    if (isMap(node)) {
      const pair = pairsOf(node as YAMLMap.Parsed, pairs).get(String(part));
      if (pair === undefined) break;
      offset = pair.key.range[0];
      node = pair.value;
    } else if (isSeq(node) && typeof part === 'number') {
      const item = node.items[part] as ParsedNode | null | undefined;
      if (item === undefined || item === null) break;
      offset = item.range[0];
      node = item;
    } else break;
  }
  return counter.linePos(offset).line;
}

/** Of two with the same key the first. */
function pairsOf(map: YAMLMap.Parsed, pairs: PairsByKey): ReadonlyMap<string | null, Pair> {
  const known = pairs.get(map);
  if (known !== undefined) return known;
  const made = new Map(map.items.toReversed().map((pair) => [keyOf(pair.key), pair]));
  pairs.set(map, made);
  return made;
}

function explain(code: string, message: string): readonly [string, string] {
  switch (code) {
    case 'RESOURCE_EXHAUSTION':
      return ['nested too deep', 'a configuration needs no more than a few levels'];
    case 'TAG_RESOLVE_FAILED':
      return ['has a tag (!name) that means nothing here', 'write the value without it'];
    case 'TAB_AS_INDENT':
      return ['a tab is used to indent, which YAML does not allow', 'use blanks'];
    case 'MULTIPLE_DOCS':
      return ['more than one YAML document', 'keep one, without a line of three dashes between'];
    default:
      return [`not valid YAML: ${message.replaceAll(/\s+/g, ' ').slice(0, 300)}`, 'mend the text'];
  }
}
