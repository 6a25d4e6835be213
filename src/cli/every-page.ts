/**
 * A list of the API as a whole, page by page.
 */
import type { ClientFault } from '../api/client.ts';
import { ok, type Result } from '../std/result.ts';

/** As many as a page may hold. */
export const pageItems = 1000;

interface Page<Item> {
  readonly items: readonly Item[];
  readonly nextCursor: string | null;
}

/** Asks for one page after the other; the first has no cursor. */
export async function everyItem<Item>(
  ask: (page: {
    readonly limit: number;
    readonly cursor?: string;
  }) => Promise<Result<Page<Item>, ClientFault>>,
): Promise<Result<Item[], ClientFault>> {
  const items: Item[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const page: Result<Page<Item>, ClientFault> = await ask({
      limit: pageItems,
      ...(cursor === '' ? {} : { cursor }),
    });
    if (!page.ok) return page;
    items.push(...page.value.items);
    cursor = page.value.nextCursor;
  }
  return ok(items);
}
