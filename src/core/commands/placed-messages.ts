/**
 * Display messages among the placed objects of a station.
 *
 * Pure. OCPP 2.x O01, O02, O05 and O06. A message with a known id takes the place of that one (O06). A newer one of priority AlwaysFront is shown instead of the older (MessagePriorityEnumType); whether the station
 * drops that one then is not said, so that it stays known, and the station is asked when it is to be cleared. One of a transaction is removed with it (O02), and is not kept.
 */
import { parseIsoTime } from '../../std/iso-time.ts';
import { integerOf, membersOf, textOf, type Members } from './payload.ts';
import type { Cleared, PlacedMessage, PlacedRules, PlacingCommand } from './placed-object.ts';

export const messageRules: PlacedRules<PlacedMessage> = {
  versions: new Set(['ocpp2.0.1', 'ocpp2.1']),
  places: 'SetDisplayMessage',
  clears: 'ClearDisplayMessage',
  replacedBy: new Set(),
  read,
  isPassing: ({ payload }) => textOf(messageOf(payload.members), 'transactionId') !== null,
  isWhole: () => true,
  isInPlaceOf: () => false,
  cleared,
  replaces: () => null,
  isLimit: () => false,
  labelOf: ({ priority }) => priority,
  clearing: (id) => ({ id: Number(id) }),
  statusOf: (answer) => textOf(answer, 'status'),
  unknown: 'Unknown',
  duplicate: null,
};

function messageOf(members: Members): Members {
  return membersOf(members['message']);
}

function read({ from, payload }: PlacingCommand): PlacedMessage | null {
  const message = messageOf(payload.members);
  const id = integerOf(message, 'id');
  const priority = textOf(message, 'priority');
  if (payload.isAmbiguous || id === null || priority === null) return null;
  return {
    kind: 'displayMessage',
    id: String(id),
    family: 'v2',
    backend: from,
    connector: integerOf(membersOf(membersOf(message['display'])['evse']), 'id') ?? 0,
    priority,
    endsAt: parseIsoTime(textOf(message, 'endDateTime') ?? ''),
    payload: null,
    asideAt: null,
  };
}

/** Messages are cleared by their ids only (O05). Which one a station takes of two that an ambiguous text names is not known. */
function cleared(rows: readonly PlacedMessage[], { payload, answer }: PlacingCommand): Cleared | null {
  const status = answer === null ? null : textOf(answer, 'status');
  if (status !== 'Accepted' && status !== 'Unknown') return null;
  const none = { named: [], met: [], inPart: [], isAll: false };
  if (payload.isAmbiguous) return { ...none, met: rows.map((row) => row.id) };
  const id = integerOf(payload.members, 'id');
  return id === null ? null : { ...none, named: [String(id)] };
}
