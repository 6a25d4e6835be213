import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { charactersMax, flush, sendLater, textsMax, type Sender } from './outbox.ts';

/** Notes under its name what it sends; does what it is told to when it does. */
function senderTo(sent: string[], name: string, meanwhile: () => void = () => {}): Sender {
  return {
    sendNow: (text) => {
      sent.push(`${name} ${text}`);
      meanwhile();
    },
  };
}

describe('texts', () => {
  test('leave when the turn is over, once, in the order in which they were given', async () => {
    const sent: string[] = [];
    const [a, b] = [senderTo(sent, 'a'), senderTo(sent, 'b')];
    for (const [sender, text] of [
      [a, '1'],
      [b, '2'],
      [a, '3'],
    ] as const)
      sendLater(sender, text);
    expect(sent).toEqual([]);
    await nextTurn();
    expect(sent).toEqual(['a 1', 'b 2', 'a 3']);
    sendLater(b, '4');
    await nextTurn();
    expect(sent.slice(3)).toEqual(['b 4']);
  });

  test('leave at once when somebody must not wait for the turn’s end', async () => {
    const sent: string[] = [];
    sendLater(senderTo(sent, 'a'), '1');
    flush();
    expect(sent).toEqual(['a 1']);
    await nextTurn();
    expect(sent).toHaveLength(1);
  });

  test('leave at once where they are many, or long', () => {
    const sent: string[] = [];
    const a = senderTo(sent, 'a');
    for (let count = 1; count < textsMax; count += 1) sendLater(a, String(count));
    expect(sent).toEqual([]);
    sendLater(a, 'last');
    expect([sent.length, sent.at(-1)]).toEqual([textsMax, 'a last']);
    sendLater(a, 'x'.repeat(charactersMax - 1));
    expect(sent).toHaveLength(textsMax);
    sendLater(a, 'y');
    expect(sent).toHaveLength(textsMax + 2);
  });

  test('of others leave also after one link threw, which is a bug', () => {
    const sent: string[] = [];
    const broken = {
      sendNow: (): never => {
        throw new Error('broken');
      },
    };
    sendLater(broken, '1');
    expect(flush).toThrow('broken');
    sendLater(senderTo(sent, 'a'), '2');
    flush();
    expect(sent).toEqual(['a 2']);
  });

  test('that come up, and a link that is cut, while others leave, change nothing in the order', async () => {
    const sent: string[] = [];
    const late = senderTo(sent, 'late');
    const a = senderTo(sent, 'a', () => {
      sendLater(late, `after ${sent.length}`);
      flush();
    });
    for (const text of ['1', '2']) sendLater(a, text);
    flush();
    await nextTurn();
    expect(sent).toEqual(['a 1', 'a 2', 'late after 1', 'late after 2']);
  });
});
