/**
 * Dials backends: one WebSocket a station and backend.
 *
 * Not pure: has the links and the dials in progress.
 */
import type { Dialer, DialOutcome, DialRequest } from '../../ports/dialer.ts';
import type { LinkHandler } from '../../ports/link.ts';
import type { LinkLimits } from '../../ports/settings.ts';
import { Dial, type DialHome } from './dial.ts';
import type { SecureContexts } from './dial-plan.ts';
import { LinkYard } from './link-yard.ts';

export interface WebSocketDialer extends Dialer {
  /** Dials use these from now on, and open links those that are not fixed when a link opens (frame sizes are). */
  update(limits: LinkLimits): void;
  /** Abandons dials and cuts links; done when every owner of a link was told. */
  close(): Promise<void>;
}

export function createDialer(limits: LinkLimits): WebSocketDialer {
  return new DirectDialer(limits);
}

class DirectDialer implements WebSocketDialer, DialHome {
  limits: LinkLimits;
  readonly yard: LinkYard;
  readonly dials = new Set<Dial>();
  readonly contexts: SecureContexts = new WeakMap();

  constructor(limits: LinkLimits) {
    this.limits = limits;
    this.yard = new LinkYard(limits);
  }

  update(limits: LinkLimits): void {
    this.limits = limits;
    this.yard.update(limits);
  }

  close(): Promise<void> {
    for (const dial of this.dials) dial.abandon();
    return this.yard.close();
  }

  dial<Owner>(
    request: DialRequest,
    handler: LinkHandler<Owner>,
    outcome: DialOutcome<Owner>,
    owner: Owner,
  ): () => void {
    const dial = new Dial(this, request, handler, outcome, owner);
    dial.start(request);
    return () => dial.abandon();
  }
}
