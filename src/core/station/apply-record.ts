/**
 * The one place where what outlives the process changes: live, at restart and in the simulator.
 *
 * Pure.
 */
import { decode, payloadOf } from '../../protocol/frame.ts';
import type { DurableChange, DurableStation, FrameRecord, StationRecord } from '../journal/record.ts';
import { applyInventoryChange } from '../commands/inventory.ts';
import { askedBy, withAsked, withoutAsked } from '../commands/asked-settings.ts';
import { withPlaced } from '../commands/placed-objects.ts';
import { applyIdChange } from '../ids/apply-change.ts';
import { isImaged, learn, missedMax } from '../priming/station-image.ts';

/** Changes the durable part of a station by a record of it. True when there was something to change. */
export function applyRecord(durable: DurableStation, record: StationRecord): boolean {
  switch (record.type) {
    case 'booted':
      durable.boot = record.boot;
      return true;
    case 'link':
      if (record.link !== 'station') return false;
      if (record.version !== null) durable.version = record.version;
      durable.lastSeenAt = record.at;
      return true;
    case 'changed':
      return applyChange(durable, record.change, record.at);
    case 'frame':
      return isTelling(record) && applyTelling(durable, record, payloadIn(record));
    case 'sent':
    case 'dropped':
    case 'skipped':
    case 'held':
    case 'delivery':
    case 'learned':
      return false;
  }
}

/** The station says something of itself that backends which join later have to be told. */
export function isTelling(record: FrameRecord): boolean {
  return record.link === 'station' && record.kind === 'call' && isImaged(record.action ?? '');
}

/** The same for a frame that is telling, by who has its payload at hand. */
export function applyTelling(durable: DurableStation, record: FrameRecord, payload: string): boolean {
  const { image, version } = durable;
  return version !== null && learn(image, version, record.action ?? '', payload, record.at);
}

function payloadIn(record: FrameRecord): string {
  const frame = decode(record.text, 'ocpp1.6');
  return frame.kind === 'call' ? payloadOf(record.text, frame) : 'null';
}

function applyChange(durable: DurableStation, change: DurableChange, at: number): boolean {
  switch (change.what) {
    case 'verdict':
      durable.verdicts[change.backend] = change.verdict;
      return true;
    case 'answered':
      if (durable.answers.length >= answersKept) durable.answers.shift();
      durable.answers.push(change.given);
      return true;
    case 'ids':
      applyIdChange(durable.ids, change.change);
      return true;
    case 'refusal':
      applyRefusal(durable, change.transaction, change.info, at);
      return true;
    case 'missed':
      if (durable.missed.length >= missedMax) durable.missed.shift();
      durable.missed.push(change.status);
      return true;
    case 'told': {
      const told = durable.missed.findIndex(({ number }) => number === change.number);
      if (told !== -1) durable.missed.splice(told, 1);
      return told !== -1;
    }
    case 'unaware':
      durable.unaware = durable.unaware.filter((backend) => backend !== change.backend);
      if (change.isUnaware) durable.unaware.push(change.backend);
      return true;
    case 'heard_by':
      durable.heardBy = change.backend;
      return true;
    case 'inventory':
      applyInventoryChange(durable.inventory, change.change);
      return true;
    case 'asked':
      durable.asked[change.backend] = withAsked(askedBy(durable.asked, change.backend), change.settings);
      return true;
    case 'wrote':
      durable.asked[change.backend] = withoutAsked(askedBy(durable.asked, change.backend), change.settings);
      return true;
    case 'objects':
      durable.objects = withPlaced(durable.objects, change.change);
      return true;
    case 'placed':
      durable.placement = change.placement;
      return true;
    case 'virtual':
      durable.virtual[change.backend] = {
        ...durable.virtual[change.backend],
        ...Object.fromEntries(change.values),
      };
      return true;
  }
}

function applyRefusal(
  { refusals }: DurableStation,
  transaction: string,
  info: string | null,
  at: number,
): void {
  const known = refusals.findIndex((refusal) => refusal.transaction === transaction);
  if (known !== -1) refusals.splice(known, 1);
  if (info === null) return;
  if (refusals.length >= refusalsKept) refusals.shift();
  refusals.push({ transaction, info, since: at });
}

/** A station has few transactions open at a time. */
const refusalsKept = 32;

/** Answers to guaranteed messages that outlive the process: a station has one outstanding, and retries its last. */
const answersKept = 8;
