/**
 * Held messages, learned tokens and billing at risk as rows: written soon after the batch that tells of them, read back whole at a start, with what the batches behind them tell.
 *
 * Each row is under a checksum of all it says. One that does not hold is told of and left as it is: it is never given, marked or deleted for it, so that
 * an operator can still look at what is there.
 */
import { crc32 } from 'node:zlib';
import type { DatabaseSync } from 'node:sqlite';
import { freshDelivery } from '../../core/hold/fresh-delivery.ts';
import type { KeptChange } from '../../core/journal/kept-changes.ts';
import { prepareKeptUpto } from './kept-upto.ts';
import type { UnreadableBatch } from './stored-batch.ts';

export interface HeldRow {
  readonly station: string;
  readonly number: number;
  /** JSON of a `HeldMessage`. */
  readonly message: string;
  /** JSON of a `Delivery`. */
  readonly delivery: string;
}

export interface TokenRow {
  /** Its digest. */
  readonly token: string;
  readonly backend: string;
  /** JSON of a `LearnedToken`. */
  readonly learned: string;
}

export interface RiskRow {
  readonly backend: string;
  /** JSON of a `BillingRisk`. */
  readonly risk: string;
}

/** A row whose checksum does not hold, so that what is told of it may be wrong too. A token's digest is not told: it could be guessed from. */
export type UnreadableRow =
  | { readonly row: 'held'; readonly station: string; readonly number: number }
  | { readonly row: 'token' | 'billing_risk'; readonly backend: string }
  | { readonly row: 'station'; readonly station: string };

/** Returns what makes one change, inside the transaction that is open, and tells about how many bytes it wrote. Doing it again changes nothing. */
export function prepareKeeping(database: DatabaseSync): (change: KeptChange) => number {
  const hold = database.prepare('INSERT OR IGNORE INTO held VALUES (?, ?, ?, ?, ?)');
  const find = database.prepare(`${heldRows} WHERE station = ? AND number = ?`);
  find.setReadBigInts(true);
  const mark = database.prepare(
    'UPDATE held SET delivery = ?, checksum = ? WHERE station = ? AND number = ?',
  );
  const release = database.prepare('DELETE FROM held WHERE station = ? AND number = ?');
  const learn = database.prepare('INSERT OR REPLACE INTO token VALUES (?, ?, ?, ?)');
  const raise = database.prepare('INSERT OR REPLACE INTO billing_risk VALUES (?, ?, ?)');
  const lower = database.prepare('DELETE FROM billing_risk WHERE backend = ?');

  return (change) => {
    switch (change.do) {
      case 'hold': {
        const { station, number, message } = change;
        const checksum = heldChecksum({ station, number, message, delivery: fresh });
        hold.run(station, number, message, fresh, checksum);
        return message.length;
      }
      case 'mark': {
        const { station, number, delivery } = change;
        const found = find.get(station, number);
        const row = found === undefined ? null : heldRowOf(found);
        if (row === null) return 0;
        mark.run(delivery, heldChecksum({ ...row, delivery }), station, number);
        return row.message.length;
      }
      case 'release':
        release.run(change.station, change.number);
        return 0;
      case 'learn': {
        const { token, backend, learned } = change;
        learn.run(token, backend, learned, tokenChecksum({ token, backend, learned }));
        return learned.length;
      }
      case 'risk': {
        const { backend, risk } = change;
        if (risk === null) lower.run(backend);
        else raise.run(backend, risk, riskChecksum({ backend, risk }));
        return risk?.length ?? 0;
      }
    }
  };
}

/** What a start reads, as of everything that was committed. `unreadable` is told of every row and batch that cannot be trusted. */
export interface KeptReader {
  /** For each station by number. */
  held(unreadable: Unreadable): HeldRow[];
  tokens(unreadable: Unreadable): TokenRow[];
  risks(unreadable: Unreadable): RiskRow[];
}

type Unreadable = (place: UnreadableRow | UnreadableBatch) => void;

export function prepareKeptReader(database: DatabaseSync): KeptReader {
  const held = database.prepare(`${heldRows} ORDER BY station, number`);
  const tokens = database.prepare('SELECT token, backend, learned, checksum FROM token');
  const risks = database.prepare('SELECT backend, risk, checksum FROM billing_risk');
  // A damaged integer may be beyond what a number holds; read as a number it would throw.
  held.setReadBigInts(true);
  tokens.setReadBigInts(true);
  risks.setReadBigInts(true);
  const upto = prepareKeptUpto(database);

  /** Rows and the batches behind them as of one moment. */
  function atOnce<Row>(read: (changes: readonly KeptChange[]) => Row[], unreadable: Unreadable): Row[] {
    database.exec('BEGIN');
    try {
      return read(upto.changesBehind(upto.read(), unreadable).list());
    } finally {
      database.exec('COMMIT');
    }
  }

  return {
    held: (unreadable) =>
      atOnce((changes) => {
        const rows = new Map<string, HeldRow>();
        for (const found of held.iterate()) {
          const row = heldRowOf(found);
          if (row !== null) rows.set(rowName(row), row);
          else
            unreadable({
              row: 'held',
              station: String(found['station']),
              number: Number(found['number']),
            });
        }
        for (const change of changes) changeRow(rows, change);
        return [...rows.values()];
      }, unreadable),
    tokens: (unreadable) =>
      atOnce((changes) => {
        const rows = new Map<string, TokenRow>();
        for (const found of tokens.iterate()) {
          const row = tokenRowOf(found);
          if (row === null) unreadable({ row: 'token', backend: String(found['backend']) });
          else rows.set(row.token, row);
        }
        for (const change of changes) {
          if (change.do !== 'learn') continue;
          const { token, backend, learned } = change;
          rows.set(token, { token, backend, learned });
        }
        return [...rows.values()];
      }, unreadable),
    risks: (unreadable) =>
      atOnce((changes) => {
        const rows = new Map<string, RiskRow>();
        for (const found of risks.iterate()) {
          const row = { backend: String(found['backend']), risk: String(found['risk']) };
          if (riskChecksum(row) === Number(found['checksum'])) rows.set(row.backend, row);
          else unreadable({ row: 'billing_risk', backend: row.backend });
        }
        for (const change of changes) {
          if (change.do !== 'risk') continue;
          const { backend, risk } = change;
          if (risk === null) rows.delete(backend);
          else rows.set(backend, { backend, risk });
        }
        return [...rows.values()];
      }, unreadable),
  };
}

/** Makes a change of the row that it is about, as the writer will. A new one comes last: numbers grow. */
function changeRow(rows: Map<string, HeldRow>, change: KeptChange): void {
  if (change.do === 'learn' || change.do === 'risk') return;
  const name = rowName(change);
  const { station, number } = change;
  const row = rows.get(name);
  switch (change.do) {
    case 'hold':
      if (row === undefined) rows.set(name, { station, number, message: change.message, delivery: fresh });
      return;
    case 'mark':
      if (row !== undefined) rows.set(name, { ...row, delivery: change.delivery });
      return;
    case 'release':
      rows.delete(name);
  }
}

const fresh = JSON.stringify(freshDelivery);

function rowName({ station, number }: Pick<HeldRow, 'station' | 'number'>): string {
  return `${number} ${station}`;
}

const heldRows = 'SELECT station, number, message, delivery, checksum FROM held';

/** null: its checksum does not hold. */
function heldRowOf(found: Record<string, unknown>): HeldRow | null {
  const row = {
    station: String(found['station']),
    number: Number(found['number']),
    message: String(found['message']),
    delivery: String(found['delivery']),
  };
  return heldChecksum(row) === Number(found['checksum']) ? row : null;
}

/** null: its checksum does not hold. */
function tokenRowOf(found: Record<string, unknown>): TokenRow | null {
  const row = {
    token: String(found['token']),
    backend: String(found['backend']),
    learned: String(found['learned']),
  };
  return tokenChecksum(row) === Number(found['checksum']) ? row : null;
}

/** Of what outlives the process of a station; part of the format. */
export function stationChecksum(id: string, state: string): number {
  return crc32(`${id}\n${state}`);
}

/** CRC-32 over all columns; part of the format. JSON holds no line feed, and neither do names. */
function heldChecksum({ station, number, message, delivery }: HeldRow): number {
  return crc32(`${station}\n${number}\n${message}\n${delivery}`);
}

function tokenChecksum({ token, backend, learned }: TokenRow): number {
  return crc32(`${token}\n${backend}\n${learned}`);
}

function riskChecksum({ backend, risk }: RiskRow): number {
  return crc32(`${backend}\n${risk}`);
}
