/**
 * Where a value stands in a JSON text, and how to put another in its place while every other byte stays.
 *
 * Pure. Texts here have passed the scanner in json-scan.ts, so nothing is checked twice and no object is built. Signed values and odd
 * decimals survive, because only the spans named are touched (OCPP 2.0.1 Part 4 §7). Of a key that occurs twice the last wins, as with JSON.parse;
 * `eachValue` visits every one of them, so that a parser which takes the first sees no value that was overlooked.
 */
import { assert } from '../std/assert.ts';

/** Keys from the outside in, such as need no escapes; '*' stands for every element of an array. */
export type JsonPath = readonly string[];

/** A span to replace; `text` null removes a member, from its key's quote to its value's end, and the comma that goes with it. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string | null;
}

/** Gets a member's start (its key's quote; of an array's element, the element), its value's start and its value's end. */
export type Visit = (memberStart: number, valueStart: number, valueEnd: number) => void;

/**
 * False when the key is certainly not in this part of the text: a check that costs next to nothing. True may be a decoy, in a string or at another depth. A key can
 * be written with \u escapes, so a text that has any counts as naming every key.
 */
export function mayName(text: string, start: number, end: number, key: string): boolean {
  return isBefore(text.indexOf(key, start), end) || mayEscape(text, start, end);
}

/** False when certainly no key in this part of the text is written with escapes. */
export function mayEscape(text: string, start: number, end: number): boolean {
  // One character is found much faster than two, and most frames have no backslash.
  const slash = text.indexOf('\\', start);
  return isBefore(slash, end) && isBefore(text.indexOf('\\u', slash), end);
}

/** Where the value under a path of keys (no '*') starts, seen from the value at `start`; -1 when there is none. */
export function findValue(text: string, start: number, path: JsonPath): number {
  let at = start;
  for (const key of path) {
    at = lastMember(text, at, key);
    if (at === -1) return -1;
  }
  return at;
}

/** The value under a path of keys as JSON, or null. */
export function tokenAt(text: string, start: number, path: JsonPath): string | null {
  const at = findValue(text, start, path);
  return at === -1 ? null : text.slice(at, valueEnd(text, at));
}

/** Visits every value that the path leads to, in the order of the text, repeated keys included. */
export function eachValue(text: string, start: number, path: JsonPath, visit: Visit): void {
  const name = path.at(-1);
  if (name === undefined) return;
  walk(text, start, path, 0, visit, name === '*' ? text.length : lastNamed(text, start, name));
}

/** Where the value that starts here ends. */
export function valueEnd(text: string, start: number): number {
  const code = text.charCodeAt(start);
  if (code === quote) return stringEnd(text, start);
  if (code === openBrace || code === openBracket) return containerEnd(text, start);
  let at = start + 1;
  while (!isDelimiter(text.charCodeAt(at))) at += 1;
  return at;
}

/** The text with these spans replaced. They are in order and do not overlap. Without edits it is the same text. */
export function splice(text: string, edits: readonly Edit[]): string {
  if (edits.length === 0) return text;
  let out = '';
  let from = 0;
  for (const edit of edits) {
    assert(edit.start >= from, 'edits are in order and do not overlap');
    out += text.slice(from, edit.start);
    if (edit.text !== null) {
      out += edit.text;
      from = edit.end;
      continue;
    }
    const after = skipBlank(text, edit.end);
    if (text.charCodeAt(after) === comma) from = skipBlank(text, after + 1);
    else {
      out = withoutTrailingComma(out);
      from = edit.end;
    }
  }
  return out + text.slice(from);
}

/** The text with one more member, the first of the object that starts here. `key` must need no escapes. */
export function withMember(text: string, objectStart: number, key: string, token: string): string {
  const first = skipBlank(text, objectStart + 1);
  const separator = text.charCodeAt(first) === closeBrace ? '' : ',';
  return `${text.slice(0, objectStart + 1)}"${key}":${token}${separator}${text.slice(objectStart + 1)}`;
}

const quote = 0x22;
const comma = 0x2c;
const backslash = 0x5c;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

function isBefore(at: number, end: number): boolean {
  return at !== -1 && at < end;
}

function lastMember(text: string, start: number, key: string): number {
  if (text.charCodeAt(start) !== openBrace) return -1;
  const until = lastNamed(text, start, key);
  let found = -1;
  let at = skipBlank(text, start + 1);
  while (at <= until && text.charCodeAt(at) === quote) {
    const keyEnd = stringEnd(text, at);
    const value = afterColon(text, keyEnd);
    if (isKey(text, at, keyEnd, key)) found = value;
    at = nextItem(text, valueEnd(text, value));
  }
  return found;
}

/** The last place that may name the key: where a search can end, since what comes after a frame's ids is often long. -1 when there is none. */
function lastNamed(text: string, start: number, key: string): number {
  let last = text.indexOf(key, start);
  if (mayEscape(text, start, text.length)) return text.length;
  for (let next = last; next !== -1; next = text.indexOf(key, next + 1)) last = next;
  return last;
}

function walk(text: string, start: number, path: JsonPath, depth: number, visit: Visit, until: number): void {
  const key = path[depth];
  if (key === undefined) return;
  const isLast = depth === path.length - 1;
  const isEvery = key === '*';
  if (text.charCodeAt(start) !== (isEvery ? openBracket : openBrace)) return;
  let at = skipBlank(text, start + 1);
  while (at <= until && (isEvery ? !isEnd(text.charCodeAt(at)) : text.charCodeAt(at) === quote)) {
    const member = at;
    const keyEnd = isEvery ? at : stringEnd(text, at);
    const value = isEvery ? at : afterColon(text, keyEnd);
    const end = valueEnd(text, value);
    if (isEvery || isKey(text, member, keyEnd, key)) {
      if (isLast) visit(member, value, end);
      else walk(text, value, path, depth + 1, visit, until);
    }
    at = nextItem(text, end);
  }
}

/** From after an item to the next one, or to the closing bracket. */
function nextItem(text: string, end: number): number {
  const at = skipBlank(text, end);
  return text.charCodeAt(at) === comma ? skipBlank(text, at + 1) : at;
}

function afterColon(text: string, keyEnd: number): number {
  return skipBlank(text, skipBlank(text, keyEnd) + 1);
}

/** True when the string at these quotes says `key`. An escape only makes it longer. */
function isKey(text: string, start: number, end: number, key: string): boolean {
  const length = end - start - 2;
  if (length <= key.length) return length === key.length && text.startsWith(key, start + 1);
  for (let at = start + 1; at < end - 1; at += 1)
    if (text.charCodeAt(at) === backslash) return JSON.parse(text.slice(start, end)) === key;
  return false;
}

function stringEnd(text: string, start: number): number {
  // Most strings of a frame are too short for `indexOf` to pay.
  let at = start + 1;
  for (;;) {
    const code = text.charCodeAt(at);
    if (code === quote) return at + 1;
    if (Number.isNaN(code)) return at;
    at += code === backslash ? 2 : 1;
  }
}

function containerEnd(text: string, start: number): number {
  let depth = 0;
  let at = start;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === quote) {
      at = stringEnd(text, at);
      continue;
    }
    if (code === openBrace || code === openBracket) depth += 1;
    else if (code === closeBrace || code === closeBracket) depth -= 1;
    at += 1;
    if (depth === 0) return at;
  }
  return at;
}

function withoutTrailingComma(out: string): string {
  let end = out.length;
  while (isBlank(out.charCodeAt(end - 1))) end -= 1;
  return out.charCodeAt(end - 1) === comma ? out.slice(0, end - 1) : out;
}

function isDelimiter(code: number): boolean {
  return code === comma || isEnd(code) || isBlank(code);
}

/** A closing bracket, or the end of the text, where there is no character. */
function isEnd(code: number): boolean {
  return code === closeBrace || code === closeBracket || Number.isNaN(code);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}

function skipBlank(text: string, start: number): number {
  let at = start;
  while (isBlank(text.charCodeAt(at))) at += 1;
  return at;
}
