/**
 * What must hold of a migration whatever happens: judged from the stations' placements, the orders, and what was saved; not from the machine's own word for it.
 */
import { freshGate } from '../../src/core/migration/gates.ts';
import type { MigrationEvent, Order, StationView } from '../../src/core/migration/events.ts';
import type { FrozenPlan } from '../../src/core/migration/fleet.ts';
import type { MigrationPlan } from '../../src/core/migration/plan.ts';
import type {
  Evidence,
  MigrationDecision,
  MigrationHead,
  MigrationState,
  StationProgress,
  WavePhase,
} from '../../src/core/migration/state.ts';
import type { StationId } from '../../src/protocol/station-id.ts';
import type { SimStation } from './migration-fleet.ts';

interface Saved {
  readonly head: MigrationHead;
  readonly progressOf: (station: StationId) => StationProgress | null;
}

export class MigrationChecker {
  readonly violations: { rule: string; what: string }[] = [];
  readonly #plan: MigrationPlan;
  readonly #stations: ReadonlyMap<StationId, SimStation>;
  readonly #waveOf = new Map<StationId, number>();
  /** Seconds of cutovers, and of decisions to start, by wave. */
  readonly #moves: number[][] = [];
  readonly #starts: number[][] = [];
  #phases: WavePhase[] = [];
  #phase = 'draft';

  constructor(plan: MigrationPlan, stations: ReadonlyMap<StationId, SimStation>) {
    this.#plan = plan;
    this.#stations = stations;
  }

  break(rule: string, what: string): void {
    if (this.violations.length < 20) this.violations.push({ rule, what });
  }

  frozen({ waves }: FrozenPlan): void {
    for (const [at, wave] of waves.entries()) {
      this.#moves.push([]);
      this.#starts.push([]);
      const limit = this.#plan.waves[at]?.limit ?? Infinity;
      if (wave.length > limit) this.break('limit', `wave ${at} has ${wave.length} stations`);
      for (const station of wave) {
        if (this.#waveOf.has(station)) this.break('limit', `${station} is in two waves`);
        this.#waveOf.set(station, at);
      }
      if (limit === Infinity) continue;
      // What the limit left for later may not be a part of a site that it took from.
      const sites = new Set(
        wave.map((station) => this.#stations.get(station)?.site).filter((site) => site !== null),
      );
      for (const later of waves.slice(at + 1).flat())
        if (sites.has(this.#stations.get(later)?.site ?? '')) this.break('limit', `wave ${at} splits a site`);
    }
  }

  /** An order that is about to leave, with what is on disk and what is true of its station. */
  ordered(order: Order, { head, progressOf }: Saved, truth: StationView, _second: number): void {
    const progress = progressOf(order.station);
    if (progress === null) return this.break('saved', `${order.station} is not on disk`);
    const wave = head.waves[progress.wave];
    const isBackwards = wave?.phase === 'rolling-back';
    if (head.phase === 'paused' && !isBackwards) this.break('paused', `${order.do} of ${order.station}`);
    switch (order.do) {
      case 'cut_over':
        if (wave?.phase !== 'moving' || head.phase !== 'running')
          this.break('wave', `${order.station} is moved in a wave that is ${wave?.phase}, ${head.phase}`);
        if (!truth.isSynced) this.break('synced', `${order.station} is to be moved and not known`);
        if (!progress.isCutOrdered) this.break('saved', `the cutover of ${order.station} is not on disk`);
        return;
      case 'roll_back':
      case 'return':
        if (!isBackwards) this.break('wave', `${order.station} goes back in a wave that is ${wave?.phase}`);
        return;
      case 'effect': {
        const isAllowed = isBackwards ? progress.phase === 'rolled-back' : truth.primary !== 'old';
        if (!isAllowed && !this.#isForeign(order.station))
          this.break('effects', `${order.station} is sent something and did not move`);
        return;
      }
      case 'attach':
      case 'detach':
        return;
    }
  }

  cutOver(station: SimStation, second: number): void {
    const at = this.#waveOf.get(station.id);
    if (at === undefined) return this.break('wave', `${station.id} is in no wave`);
    this.#moves[at]?.push(second);
    const perMinute = this.#plan.waves[at]?.perMinute ?? null;
    if (perMinute === null) return;
    for (const windowS of [12, 60]) {
      const within = (times: readonly number[] = []): number =>
        times.filter((time) => time > second - windowS).length;
      // Outcomes come up to three seconds late, and a second of the pace may be caught up with; a wave that is started anew begins at once.
      const allowed = Math.ceil((perMinute * (windowS + 4)) / 60) + 1 + within(this.#starts[at]);
      if (within(this.#moves[at]) > allowed)
        this.break('pace', `wave ${at} moved more than ${allowed} in ${windowS} seconds`);
    }
  }

  rollingBack(station: SimStation): void {
    if (station.primary !== 'new' && station.before !== null && !station.isForeign)
      this.break('others', `${station.id} is at ${station.primary} and is taken back to ${station.before}`);
  }

  /** What a station is about to be sent. */
  sending({ id }: SimStation, { step }: Extract<Order, { do: 'effect' }>): void {
    if (step.do !== 'write') return;
    if (step.key === 'CentralSystemURL') this.break('owned', `${id} is told where to connect`);
    if (step.value === '7') this.break('owned', `${id} is set what the plan sets otherwise`);
  }

  deciding(decision: MigrationDecision, second: number): void {
    if (decision.do === 'start_wave') this.#starts[decision.wave]?.push(second);
  }

  stepped(
    { head }: MigrationState,
    event: MigrationEvent,
    evidence: readonly Evidence[],
    wallMs: number,
  ): void {
    if (this.#phase === 'paused' && head.phase !== 'paused' && event.type !== 'decided')
      this.break('paused', `it goes on by itself: ${head.phase}`);
    for (const { what, station, after } of evidence)
      if (what === 'station' && station !== null && after === 'moved') this.#checkMoved(station);
    for (const [at, wave] of head.waves.entries()) {
      const before = this.#phases[at] ?? 'planned';
      if (wave.phase === before) continue;
      if (event.type === 'tick' && wave.phase === 'moving') this.#checkStart(head, at, wallMs);
      if (wave.phase === 'passed' && !wave.isWaived) this.#checkPass(head, at);
    }
    this.#remember(head);
  }

  restored({ head }: MigrationState): void {
    this.#remember(head);
  }

  ended({ head, stations }: MigrationState, evidence: readonly Evidence[]): void {
    const { phase } = head;
    // Its start was lost with the process, and somebody thought better of it.
    if (phase === 'abandoned' && head.watchedMs === 0) return;
    if (phase !== 'done' && phase !== 'rolled-back')
      this.break(
        'end',
        `${phase}: ${head.reason} ${JSON.stringify(head.waves.map((wave) => [wave.phase, wave.reason]))}`,
      );
    for (const progress of stations.values()) this.#checkEnd(phase, progress);
    this.#checkEvidence(evidence, stations);
  }

  #checkMoved(station: StationId): void {
    const { primary, isForeign } = this.#stations.get(station) as SimStation;
    if (primary !== 'new' && !isForeign)
      this.break('placement', `${station} is said to have moved, and is at ${primary}`);
  }

  #remember(head: MigrationHead): void {
    this.#phase = head.phase;
    this.#phases = head.waves.map(({ phase }) => phase);
  }

  #checkStart({ waves, plan }: MigrationHead, at: number, wallMs: number): void {
    if (waves.slice(0, at).some(({ phase }) => phase !== 'passed'))
      this.break('order', `wave ${at} starts and the one before has not passed`);
    if (wallMs < (plan.waves[at]?.atMs ?? 0)) this.break('order', `wave ${at} starts before its time`);
    if (plan.approve && at > 0 && !(waves[at]?.isApproved ?? false))
      this.break('order', `nobody has approved wave ${at}`);
  }

  #checkPass({ waves, plan }: MigrationHead, at: number): void {
    const wave = waves[at];
    if (wave === undefined) return;
    if (wave.soakedMs < (plan.waves[at]?.soakMs ?? plan.soakMs))
      this.break('soak', `wave ${at} did not soak`);
    for (const [index, gate] of plan.gates.entries()) {
      const { state, value, before } = wave.gates[index] ?? freshGate();
      const isBroken =
        value !== null &&
        ((gate.atMost !== null && value > gate.atMost) ||
          (gate.worseThanBefore !== null &&
            before !== null &&
            gate.measure !== 'boots.accepted' &&
            value - before > gate.worseThanBefore));
      if (isBroken || (value === null && gate.whenNoData === 'hold'))
        this.break('gate', `wave ${at} passes ${gate.measure} with ${value}, which is ${state}`);
    }
  }

  #checkEnd(phase: string, { station, phase: at, effects, isStuck, attached }: StationProgress): void {
    const { primary, isForeign, settings, original, asked, isReady, cutovers, rollbacks } =
      this.#stations.get(station) as SimStation;
    if (isForeign) return;
    this.#checkProfiles(station, at, effects);
    const isMoved = at === 'moved' || at === 'verified';
    if (isMoved !== (primary === 'new')) this.break('placement', `${station} is ${at}, and at ${primary}`);
    if (!isMoved && primary !== 'old') this.break('back', `${station} is ${at}, and at ${primary}`);
    if (cutovers !== rollbacks + (isMoved ? 1 : 0))
      this.break('placement', `${station} is ${at} after ${cutovers} cutovers and ${rollbacks} rollbacks`);
    if (phase === 'rolled-back' && (at !== 'rolled-back' || isStuck))
      this.break('back', `${station} is ${at} after the rollback`);
    if (!isMoved && (isReady || attached !== 'no'))
      this.break('detached', `${station} stays and is told to new`);
    const hasFailed = effects.some((effect) => effect.phase === 'failed');
    if (!isMoved && !hasFailed)
      for (const [key, value] of original)
        if (settings.get(key) !== value)
          this.break('settings', `${station} is ${at}, ${key} is ${settings.get(key)}`);
    if (
      isMoved &&
      this.#plan.also.configuration.length > 0 &&
      !hasFailed &&
      settings.get('HeartbeatInterval') !== '60'
    )
      this.break('settings', `${station} has moved and was not set`);
    for (const { what, reason } of effects)
      if (reason?.startsWith('it reads as') === true)
        this.break(
          'settings',
          `${station}: nobody else sets it, and ${JSON.stringify(what)} failed: ${reason}`,
        );
    const wish = asked.find(({ key }) => key === 'MeterValueSampleInterval')?.value;
    const isApplied = wish !== undefined && this.#plan.also.asked === 'apply';
    if (isMoved && isApplied && !hasFailed && settings.get('MeterValueSampleInterval') !== wish)
      this.break('asked', `${station} has moved and was not set what new asked for`);
  }

  #checkProfiles(id: StationId, at: string, effects: StationProgress['effects']): void {
    const { profiles } = this.#stations.get(id) as SimStation;
    const limits = profiles.missingLimits();
    if (limits.length > 0) this.break('limits', `${id} is ${at}, and has lost limits ${limits.join()}`);
    if (effects.some(({ phase }) => phase === 'failed')) return;
    const isCleared = this.#plan.also.profiles === 'clear' && (at === 'moved' || at === 'verified');
    const wrong = isCleared ? profiles.left() : profiles.wrong();
    if (wrong.length > 0)
      this.break('profiles', `${id} is ${at}, and its profiles ${wrong.join()} are not as they should be`);
  }

  /** Whole, in order, and each change of a station begins where the last one ended. */
  #checkEvidence(evidence: readonly Evidence[], stations: MigrationState['stations']): void {
    const last = new Map<string, string>();
    for (const [at, { number, what, station, before, after, reason }] of evidence.entries()) {
      if (number !== at + 1) return this.break('evidence', `number ${number} stands at place ${at + 1}`);
      if (what !== 'station' || station === null) continue;
      if ((last.get(station) ?? 'planned') !== before)
        this.break('evidence', `${station} was ${last.get(station)} and left ${before}`);
      if (after === 'failed' && reason === null) this.break('evidence', `${station} failed without a reason`);
      last.set(station, after ?? '');
    }
    for (const { station, phase } of stations.values())
      if ((last.get(station) ?? 'planned') !== phase)
        this.break('evidence', `${station} became ${phase} silently`);
  }

  #isForeign(station: StationId): boolean {
    return this.#stations.get(station)?.isForeign === true;
  }
}
