/**
 * What each version prescribes for a text received on an OCPP-J link, written a second time.
 *
 * Pure, and independent of src/protocol on purpose: it leans on JSON.parse and a naive walk, so that a mistake there is not repeated
 * here. OCPP-J 1.6 §4.1.3, §4.2.3; OCPP 2.0.1 Part 4 §4.2.3, §4.3, §4.4; OCPP 2.1 Part 4 §4.1.3, §4.2.3.
 */
export type OracleVersion = 'ocpp1.6' | 'ocpp2.0.1' | 'ocpp2.1';

/** The CALLERROR to expect, or null for silence. `id` is JSON with its quotes. */
export type PrescribedAnswer = { readonly id: string; readonly code: string } | null;

export type Verdict =
  | { readonly isFrame: true; readonly elements: readonly string[] }
  | { readonly isFrame: false; readonly answer: PrescribedAnswer };

/** Busbar's own bounds, as its documentation states them. */
const depthMax = 32;
const idCharactersMax = 255;

/** Judges one text. */
export function judge(version: OracleVersion, text: string): Verdict {
  const isOld = version === 'ocpp1.6';
  const noRpc = (id: string): Verdict => refused(isOld ? null : { id, code: 'RpcFrameworkError' });

  if (!isJson(text)) return noRpc('"-1"');
  const { elements, depth } = outline(text);
  if (depth > depthMax || text.trimStart()[0] !== '[') return noRpc('"-1"');

  const [type = '', rawId = '', ...rest] = elements;
  const isIdReadable = rawId.startsWith('"') && rawId.length > 2 && rawId.length - 2 <= idCharactersMax;
  const id = isIdReadable ? rawId : '"-1"';
  if (!/^-?[0-9]+$/.test(type)) return noRpc(id);

  const known = version === 'ocpp2.1' ? ['2', '3', '4', '5', '6'] : ['2', '3', '4'];
  if (!known.includes(type))
    return refused(version === 'ocpp2.0.1' ? { id, code: 'MessageTypeNotSupported' } : null);

  const fault = faultOf(type, isIdReadable, rest);
  if (fault === null) return { isFrame: true, elements };
  // Only a CALL has an answer: results and errors are answers, a SEND never gets one (2.1 Part 4 §4.2.5).
  if (type !== '2') return refused(null);
  if (isOld) return refused(isIdReadable ? { id, code: 'FormationViolation' } : null);
  return refused({ id, code: fault === 'payload' ? 'FormatViolation' : 'RpcFrameworkError' });
}

/** What is wrong with the elements after the id: the envelope, or only the payload in it. */
function faultOf(
  type: string,
  isIdReadable: boolean,
  rest: readonly string[],
): 'envelope' | 'payload' | null {
  if (!isIdReadable) return 'envelope';
  switch (type) {
    case '2':
    case '6': {
      const [action = '', payload, ...more] = rest;
      if (!action.startsWith('"') || JSON.parse(action) === '' || more.length > 0) return 'envelope';
      return isPayload(payload) ? null : 'payload';
    }
    case '3':
      if (rest.length > 1) return 'envelope';
      return isPayload(rest[0]) ? null : 'payload';
    default:
      return rest.length > 3 ? 'envelope' : null;
  }
}

function isPayload(element: string | undefined): boolean {
  // An empty array is how some languages write an empty object.
  return element === undefined || element === 'null' || element.startsWith('{') || /^\[\s*\]$/.test(element);
}

function refused(answer: PrescribedAnswer): Verdict {
  return { isFrame: false, answer };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The elements of the outer array of a valid text, without the blanks between tokens, and how deep the text nests. */
function outline(text: string): { elements: string[]; depth: number } {
  const elements: string[] = [];
  let level = 0;
  let depth = 0;
  let element = '';
  for (const token of text.match(/"[^"\\]*(?:\\.[^"\\]*)*"|[[\]{},:]|[^[\]{},:"\s]+/g) ?? []) {
    if (token === ']' || token === '}') level -= 1;
    const isBetween = (level === 1 && token === ',') || (level === 0 && token === ']');
    if (isBetween && element !== '') {
      elements.push(element);
      element = '';
    } else if (level > 0) element += token;
    if (token === '[' || token === '{') level += 1;
    if (level > depth) depth = level;
  }
  return { elements, depth };
}
