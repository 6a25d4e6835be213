/**
 * One pass over a JSON text: is it valid (RFC 8259), how deep does it nest, and where are the elements of its outer array?
 *
 * Pure. This stands on every frame's path, so it builds no value and allocates nothing: a property test holds it equal to
 * JSON.parse on what is valid. Depth is counted here, before any parser sees the text.
 */
export interface JsonScan {
  fault: 'not_json' | 'too_deep' | null;
  /** The outer value is an array. */
  isArray: boolean;
  /** Elements of the outer array; only the first `elementsKept` have their places noted. */
  count: number;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}

const elementsKept = 5;

/** Reused by every call: the caller reads it before it scans again. */
const scan: JsonScan = {
  fault: null,
  isArray: false,
  count: 0,
  starts: new Int32Array(elementsKept),
  ends: new Int32Array(elementsKept),
};

const isObjectAt = new Uint8Array(256);

/** Scans the text. The answer is one shared object, valid until the next call. */
export function scanJson(text: string, depthMax: number): JsonScan {
  scan.fault = null;
  scan.isArray = false;
  scan.count = 0;
  const end = scanValues(text, depthMax);
  if (end === tooDeep) scan.fault = 'too_deep';
  else if (end < 0 || skipBlank(text, end) !== text.length) scan.fault = 'not_json';
  return scan;
}

const invalid = -1;
const tooDeep = -2;

/**
 * Walks one value and everything in it without recursion; `isObjectAt` is the stack. Returns the position after it, or a negative fault.
 * The loop has two halves: read a value, then close and separate until another value is due.
 */
function scanValues(text: string, depthMax: number): number {
  let at = skipBlank(text, 0);
  let depth = 0;
  for (;;) {
    if (depth === 1 && isObjectAt[1] === 0) noteStart(at);
    const code = text.charCodeAt(at);
    if (code === 0x5b || code === 0x7b) {
      if (depth === depthMax) return tooDeep;
      depth += 1;
      const isObject = code === 0x7b;
      isObjectAt[depth] = isObject ? 1 : 0;
      if (depth === 1) scan.isArray = !isObject;
      at = skipBlank(text, at + 1);
      if (text.charCodeAt(at) !== (isObject ? 0x7d : 0x5d)) {
        if (isObject) {
          at = scanKey(text, at);
          if (at < 0) return invalid;
        }
        continue;
      }
      // An empty container: fall through to the closing half with the bracket under the cursor.
    } else {
      at = scanScalar(text, at, code);
      if (at < 0) return invalid;
      if (depth === 0) return at;
      if (depth === 1 && isObjectAt[1] === 0) noteEnd(at);
      at = skipBlank(text, at);
    }
    for (;;) {
      const next = text.charCodeAt(at);
      const isObject = isObjectAt[depth] === 1;
      if (next === 0x2c) {
        at = skipBlank(text, at + 1);
        if (isObject) {
          at = scanKey(text, at);
          if (at < 0) return invalid;
        }
        break;
      }
      if (next !== (isObject ? 0x7d : 0x5d)) return invalid;
      depth -= 1;
      at += 1;
      if (depth === 0) return at;
      if (depth === 1 && isObjectAt[1] === 0) noteEnd(at);
      at = skipBlank(text, at);
    }
  }
}

function noteStart(at: number): void {
  if (scan.count < elementsKept) scan.starts[scan.count] = at;
  scan.count += 1;
}

function noteEnd(at: number): void {
  if (scan.count <= elementsKept) scan.ends[scan.count - 1] = at;
}

/** A key, its colon and the blanks around them. Returns where the member's value starts. */
function scanKey(text: string, start: number): number {
  if (text.charCodeAt(start) !== 0x22) return invalid;
  const end = scanString(text, start);
  if (end < 0) return invalid;
  const colon = skipBlank(text, end);
  return text.charCodeAt(colon) === 0x3a ? skipBlank(text, colon + 1) : invalid;
}

function scanScalar(text: string, start: number, code: number): number {
  if (code === 0x22) return scanString(text, start);
  if (code === 0x74) return text.startsWith('true', start) ? start + 4 : invalid;
  if (code === 0x66) return text.startsWith('false', start) ? start + 5 : invalid;
  if (code === 0x6e) return text.startsWith('null', start) ? start + 4 : invalid;
  return scanNumber(text, start);
}

/**
 * From the opening quote to after the closing one. Most characters of a frame pass through the inner loop, at two comparisons each.
 * Past the end `charCodeAt` gives NaN, which ends the loop and is no character.
 */
function scanString(text: string, start: number): number {
  let at = start;
  for (;;) {
    let code: number;
    do {
      at += 1;
      code = text.charCodeAt(at);
    } while ((code > 0x22 && code !== 0x5c) || code === 0x20 || code === 0x21);
    if (code === 0x22) return at + 1;
    if (code !== 0x5c) return invalid;
    at = scanEscape(text, at + 1) - 1;
    if (at < 0) return invalid;
  }
}

function scanEscape(text: string, at: number): number {
  const code = text.charCodeAt(at);
  if (code === 0x75) {
    for (let digit = 1; digit <= 4; digit += 1) if (!isHex(text.charCodeAt(at + digit))) return invalid;
    return at + 5;
  }
  // " \ / b f n r t
  const isShort =
    code === 0x22 ||
    code === 0x5c ||
    code === 0x2f ||
    code === 0x62 ||
    code === 0x66 ||
    code === 0x6e ||
    code === 0x72 ||
    code === 0x74;
  return isShort ? at + 1 : invalid;
}

function isHex(code: number): boolean {
  return isDigit(code) || (code >= 0x41 && code <= 0x46) || (code >= 0x61 && code <= 0x66);
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function scanNumber(text: string, start: number): number {
  let at = text.charCodeAt(start) === 0x2d ? start + 1 : start;
  if (text.charCodeAt(at) === 0x30) at += 1;
  else {
    at = scanDigits(text, at);
    if (at < 0) return invalid;
  }
  if (text.charCodeAt(at) === 0x2e) {
    at = scanDigits(text, at + 1);
    if (at < 0) return invalid;
  }
  const exponent = text.charCodeAt(at);
  if (exponent === 0x65 || exponent === 0x45) {
    const sign = text.charCodeAt(at + 1);
    at = scanDigits(text, sign === 0x2b || sign === 0x2d ? at + 2 : at + 1);
  }
  return at;
}

/** At least one digit. */
function scanDigits(text: string, start: number): number {
  let at = start;
  while (isDigit(text.charCodeAt(at))) at += 1;
  return at === start ? invalid : at;
}

function skipBlank(text: string, start: number): number {
  let at = start;
  let code = text.charCodeAt(at);
  while (code <= 0x20 && (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09)) {
    at += 1;
    code = text.charCodeAt(at);
  }
  return at;
}
