/**
 * What Busbar knows of a station's placed objects after some commands and their answers, one after the other.
 *
 * Pure.
 */
import type { PlacedKind } from '../core/commands/placed-object.ts';
import { hasMoreOf, placedAfter, withPlaced, type PlacedObjects } from '../core/commands/placed-objects.ts';
import { readPayload } from '../core/commands/payload.ts';
import { fromOperator } from '../core/station/state.ts';
import type { OcppVersion } from '../protocol/version.ts';

export interface GivenCommand {
  readonly from?: string;
  /** null: nobody heard the answer. */
  readonly status?: string | null;
  /** In the place of one that has that status. */
  readonly answer?: object;
  readonly version?: OcppVersion;
}

export class KnownObjects {
  objects: PlacedObjects | null = null;
  wallMs = 0;
  readonly #version: OcppVersion;

  constructor(version: OcppVersion) {
    this.#version = version;
  }

  say(action: string, payload: object | string, given: GivenCommand = {}): this {
    const { from = 'old', status = 'Accepted', answer, version = this.#version } = given;
    const text = typeof payload === 'string' ? payload : JSON.stringify(payload);
    const change = placedAfter(this.objects, {
      version,
      action,
      from,
      isOperator: from === fromOperator,
      payload: readPayload(text),
      answer:
        (answer as Readonly<Record<string, unknown>> | undefined) ?? (status === null ? null : { status }),
      wallMs: this.wallMs,
    });
    if (change !== null) this.objects = withPlaced(this.objects, change);
    return this;
  }

  get ids(): string[] {
    return (this.objects?.rows ?? []).map(
      ({ id, asideAt, payload }) =>
        `${id}${asideAt === null ? '' : ' aside'}${payload === null ? ' in part' : ''}`,
    );
  }

  hasMore(kind: PlacedKind): boolean {
    return hasMoreOf(this.objects, kind);
  }
}
