/**
 * Who sends a command, and what the arbiter may ask about it.
 *
 * Pure.
 */
import type { OcppVersion } from '../../protocol/version.ts';
import type { ArbiterFacts } from '../commands/arbiter.ts';
import type { Asker } from '../commands/authority.ts';
import type { Answer } from '../commands/refusal.ts';
import { ownsObject, whoseTransaction } from '../ids/ownership.ts';
import { authorityFor, owns, roleOf } from './roles.ts';
import type { BackendLink, StationState } from './state.ts';
import type { Received } from './turn.ts';

export function askerOf(state: StationState, { backend }: Pick<BackendLink, 'backend'>): Asker {
  const role = roleOf(state, backend);
  const granted = new Set(
    state.assignment?.observers.find((observer) => observer.backend === backend)?.commands,
  );
  for (const [action, name] of state.assignment?.actions ?? []) if (name === backend) granted.add(action);
  return { name: backend, role: role ?? 'standby', granted, isOwner: owns(state, backend) };
}

export function factsOf(
  state: StationState,
  { backend }: BackendLink,
  version: OcppVersion,
  { text, frame }: Received,
): ArbiterFacts {
  const { ids } = state.durable;
  return {
    transaction: () => whoseTransaction(ids, backend, version, frame.action, text, frame.bodyStart),
    ownsObject: () => ownsObject(ids, backend, frame.action, text, frame.bodyStart),
    localList: () => (ids.list === null ? 'unknown' : ids.list.owner === backend ? 'own' : 'other'),
    keys: state.assignment?.keys ?? [],
    canRotate: false,
    isCertificateAuthority: authorityFor(state, 'SignCertificate') === backend,
    // Which certificate the station needs to trust Busbar is not known, so none may go.
    isLinkCertificate: () => true,
  };
}

/** The version this backend's list has on the station; 0 where the list there is not its own, so that it sends all of it (H15). */
export function listVersionFor({ durable }: StationState, { backend, version }: BackendLink): Answer {
  const { list } = durable.ids;
  const own = list?.owner === backend ? list.version : '0';
  return {
    kind: 'result',
    payload: version === 'ocpp1.6' ? `{"listVersion":${own}}` : `{"versionNumber":${own}}`,
  };
}

/** What only this backend sees of the station's settings. */
export function virtualOf({ durable }: StationState, backend: string): Readonly<Record<string, string>> {
  return Object.hasOwn(durable.virtual, backend) ? (durable.virtual[backend] ?? {}) : {};
}
