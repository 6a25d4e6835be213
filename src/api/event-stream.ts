/**
 * Reads server-sent events from a response body.
 *
 * The WHATWG format as far as this API uses it: `id`, `data` and comments; lines end with LF, CRLF or CR. An id without data counts, so that a
 * client which lost its stream early knows where to resume. An event that was cut off by the end of the body is not given.
 */
export interface StreamedEvent {
  /** The last id seen so far; '' before the first. */
  readonly id: string;
  /** null: only the id is new, or only a comment came. */
  readonly data: string | null;
}

/** Longest event taken, characters: the largest frame with its JSON escapes, and room. */
const eventCharactersMax = 16 * 1024 * 1024;

/** The events of a body, in order. Ends with the body; throws what the body throws, and a RangeError for an event beyond the bound. */
export async function* readEvents(
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<StreamedEvent, void, undefined> {
  const decoder = new TextDecoder();
  let rest = '';
  let id = '';
  let data: string[] = [];
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true });
    if (rest.length > eventCharactersMax) throw new RangeError('an event is longer than 16 MiB');
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line === '') {
        yield { id, data: data.length > 0 ? data.join('\n') : null };
        data = [];
      } else if (line.startsWith('id:')) id = valueOf(line, 'id:');
      else if (line.startsWith('data:')) data.push(valueOf(line, 'data:'));
    }
  }
}

function valueOf(line: string, field: string): string {
  const value = line.slice(field.length);
  return value.startsWith(' ') ? value.slice(1) : value;
}
