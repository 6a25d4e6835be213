/**
 * How routes declare their answers for the OpenAPI document.
 *
 * Pure. Answers refer to named schemas, which the document lists once under `components`.
 */
import type { TSchema } from 'typebox';
import * as migrations from './migration-schemas.ts';
import { problemMediaType } from './problem.ts';
import * as deliveries from './delivery-schemas.ts';
import * as schemas from './schemas.ts';

/** The schemas that answers may name. */
export const namedSchemas = {
  Alive: schemas.alive,
  Audit: schemas.auditEntry,
  AuditPage: schemas.auditPage,
  Ready: schemas.ready,
  Backend: schemas.backend,
  BackendPage: schemas.backendPage,
  CommandResult: schemas.commandResult,
  Delivery: deliveries.delivery,
  DeliveryDecided: deliveries.deliveryDecided,
  DeliveryPage: deliveries.deliveryPage,
  Evidence: migrations.evidence,
  EvidencePage: migrations.evidencePage,
  Frame: schemas.frame,
  FramePage: schemas.framePage,
  Migration: migrations.migration,
  MigrationDecided: migrations.migrationDecided,
  MigrationPage: migrations.migrationPage,
  MovedStation: migrations.movedStation,
  MovedStationPage: migrations.movedStationPage,
  PlanPreviewed: migrations.planPreview,
  Problem: schemas.problemDetails,
  Readiness: migrations.readiness,
  Reloaded: schemas.reloaded,
  Station: schemas.station,
  StationMoved: schemas.stationMoved,
  StationPage: schemas.stationPage,
} as const satisfies Record<string, TSchema>;

export type SchemaName = keyof typeof namedSchemas;

/** A JSON answer. */
export function jsonAnswer(description: string, schema: SchemaName): object {
  return { description, content: { 'application/json': { schema: { $ref: `${schema}#` } } } };
}

/** An answer that is text of another kind. */
export function textAnswer(description: string, mediaType: string): object {
  return { description, content: { [mediaType]: { schema: { type: 'string' } } } };
}

/** An answer with problem details. */
export function problemAnswer(description: string): object {
  return { description, content: { [problemMediaType]: { schema: { $ref: 'Problem#' } } } };
}

/** What every route under `/api/v1` can answer besides its own. */
export const errorAnswers = {
  '4xx': problemAnswer('The request was refused.'),
  '5xx': problemAnswer('Busbar could not answer.'),
} as const;
