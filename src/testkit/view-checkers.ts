/**
 * What backends believe of a station's connectors is right throughout, not only in the end. Told from the ledgers alone.
 *
 * Pure. A backend's view of a connector is the last status that came in for it. What may be in it at some moment is what the station says then, or said until a bound ago: so a status that is late,
 * missing, or told again when it is over is seen, and so is a backend that joined and was not told. What a station said without being answered may have reached Busbar or not, and either view is right.
 */
import { violation, type Evidence, type Violation } from './checkers.ts';
import { closedAtMs, exchangesOf, type Ledger } from './ledger.ts';
import { statusesOf, type ToldStatus } from './told-statuses.ts';

export interface ViewRules {
  /** A view may be behind by so much: after the station had its answer, and after a backend was there and had accepted the boot. */
  readonly behindMs: number;
  /** The clock of the ledgers when they were read. */
  readonly endMs: number;
  /** When this backend refused what came from this station, by design of the test: what it believes meanwhile is its own affair. */
  readonly refusing?: (backend: string, station: string) => Span | null;
}

/** A stretch of time, by the clock of the ledgers. */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** `evidence.backends` are those that are told of states for as long as they have a link. */
export function checkViews({ stations, backends }: Evidence, rules: ViewRules): Violation[] {
  const found: Violation[] = [];
  for (const [backend, ledgers] of backends)
    for (const [station, ledger] of ledgers) {
      const source = stations.get(station);
      if (source === undefined) continue;
      const refusing = rules.refusing?.(backend, station) ?? null;
      const spans = toldSpans(ledger, rules.endMs).flatMap((span) => without(span, refusing));
      const told = Map.groupBy(statusesOf(ledger, 'received'), ({ connector }) => connector);
      const said = Map.groupBy(statusesOf(source, 'sent'), ({ connector }) => connector);
      const note = (message: string, texts: readonly string[]): void =>
        void found.push(violation('views', station, `${backend} ${message}`, texts));
      for (const connector of new Set([...said.keys(), ...told.keys()])) {
        const standings = standingsOf(said.get(connector) ?? []);
        const views = told.get(connector) ?? [];
        checkArrivals(connector, standings, views, note);
        checkSpans(connector, standings, views, spans, rules.behindMs, note);
      }
    }
  return found;
}

/** The same of one moment: who answers a station knows each connector as it is, once that has been so for as long as a view may be behind. `primaries`: by station. */
export function checkLastViews(
  { stations, backends }: Evidence,
  primaries: ReadonlyMap<string, string>,
  { behindMs, endMs }: ViewRules,
): Violation[] {
  const found: Violation[] = [];
  for (const [station, backend] of primaries) {
    const source = stations.get(station);
    const ledger = backends.get(backend)?.get(station);
    if (source === undefined || ledger === undefined) continue;
    const told = Map.groupBy(statusesOf(ledger, 'received'), ({ connector }) => connector);
    const said = Map.groupBy(statusesOf(source, 'sent'), ({ connector }) => connector);
    for (const [connector, statuses] of said) {
      const now = standingsOf(statuses).at(-1);
      // Of the version before nobody is told any more.
      if (now?.version !== source.version) continue;
      if (now.takenAtMs === null || endMs - now.takenAtMs < behindMs) continue;
      const view = told.get(connector)?.at(-1);
      if (view !== undefined && isSame(now, view)) continue;
      const message = `${backend} takes connector ${connector} for ${view?.status ?? 'nothing'}, and it is ${now.status}`;
      found.push(violation('views', station, message, [view?.text ?? '', now.text]));
    }
  }
  return found;
}

function without(span: Span, hole: Span | null): Span[] {
  if (hole === null) return [span];
  const { fromMs, toMs } = span;
  const [before, after] = [
    { fromMs, toMs: Math.min(toMs, hole.fromMs) },
    { fromMs: Math.max(fromMs, hole.toMs), toMs },
  ];
  return [before, after].filter((part) => part.fromMs < part.toMs);
}

type Note = (message: string, texts: readonly string[]) => void;

/** A status, and until when it may be believed: the station has the answer to the next one then. */
interface Standing extends ToldStatus {
  readonly untilMs: number;
}

function standingsOf(said: readonly ToldStatus[]): Standing[] {
  let untilMs = Infinity;
  const standings: Standing[] = [];
  for (const status of said.toReversed()) {
    standings.push({ ...status, untilMs });
    untilMs = status.takenAtMs ?? untilMs;
  }
  return standings.toReversed();
}

/** Nothing comes in that the station has not said by then, and nothing after what it said later. */
function checkArrivals(
  connector: string,
  standings: readonly Standing[],
  views: readonly ToldStatus[],
  note: Note,
): void {
  let last = 0;
  for (const view of views) {
    const same = standings.flatMap((said, at) => (isSame(said, view) ? [at] : []));
    if (same.length === 0)
      note(`was told of connector ${connector} what the station never said`, [view.text]);
    const next = same.find((at) => at >= last);
    if (next !== undefined) last = next;
    else if (same.length > 0)
      note(`was told an earlier status of connector ${connector} after a later one`, [
        standings[last]?.text ?? '',
        view.text,
      ]);
  }
}

/** Whoever tells it later may add a time where the station gave none, and no other. */
function isSame(said: Standing, view: ToldStatus): boolean {
  return (
    said.atMs <= view.atMs &&
    (said.content === view.content || (said.content === said.untimed && said.untimed === view.untimed))
  );
}

function checkSpans(
  connector: string,
  standings: readonly Standing[],
  views: readonly ToldStatus[],
  spans: readonly Span[],
  behindMs: number,
  note: Note,
): void {
  for (const [at, view] of [null, ...views].entries()) {
    const fromMs = view?.atMs ?? -Infinity;
    const toMs = views[at]?.atMs ?? Infinity;
    const right = rightSpans(standings, view, behindMs);
    for (const span of spans) {
      const wrongMs = firstOutside(
        { fromMs: Math.max(fromMs, span.fromMs + behindMs), toMs: Math.min(toMs, span.toMs) },
        right,
      );
      if (wrongMs === null) continue;
      const now = standings.findLast(({ atMs, takenAtMs }) => takenAtMs !== null && atMs <= wrongMs);
      note(
        `took connector ${connector} for ${view?.status ?? 'nothing'} while it was ${now?.status ?? 'nothing'}, at ${Math.round(wrongMs)} ms`,
        [view?.text ?? '', now?.text ?? ''],
      );
    }
  }
}

/** When this view is right, in order. Nothing is, until the station has said something. */
function rightSpans(standings: readonly Standing[], view: ToldStatus | null, behindMs: number): Span[] {
  if (view === null) {
    const first = standings.find(({ takenAtMs }) => takenAtMs !== null);
    return [{ fromMs: -Infinity, toMs: (first?.takenAtMs ?? Infinity) + behindMs }];
  }
  return standings
    .filter((said) => isSame(said, view))
    .map(({ atMs, untilMs }) => ({ fromMs: atMs, toMs: untilMs + behindMs }));
}

/** The first moment of a span that none of the others holds; null: there is none. */
function firstOutside({ fromMs, toMs }: Span, others: readonly Span[]): number | null {
  let atMs = fromMs;
  for (const other of others) if (other.fromMs <= atMs && other.toMs > atMs) atMs = other.toMs;
  return atMs < toMs ? atMs : null;
}

/** When a backend is to be told: from its acceptance of the boot, or from the beginning of a link on which it need not be told one, to the next boot or the link's end. */
function toldSpans(ledger: Ledger, endMs: number): Span[] {
  const { exchanges } = exchangesOf(ledger, 'received');
  const spans: Span[] = [];
  for (const entry of ledger.entries) {
    if (entry.type !== 'opened') continue;
    const overMs = Math.min(closedAtMs(ledger, entry.link), endMs);
    const calls = exchanges.filter(({ link }) => link === entry.link);
    let fromMs = calls[0]?.message.action === 'BootNotification' ? Infinity : entry.atMs;
    for (const { message, atMs, answers } of calls) {
      if (message.action !== 'BootNotification') continue;
      spans.push({ fromMs, toMs: Math.min(atMs, overMs) });
      const accepted = answers.find((answer) => answer.message.payload['status'] === 'Accepted');
      fromMs = accepted?.atMs ?? Infinity;
    }
    spans.push({ fromMs, toMs: overMs });
  }
  return spans.filter((span) => span.fromMs < span.toMs);
}
