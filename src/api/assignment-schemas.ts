/**
 * What the API takes to decide whose a station is and who listens in.
 *
 * Pure.
 */
import Type, { type Static } from 'typebox';
import { duration, nameBounds, observerFields, observersMax, oneOf, reason } from './schemas.ts';

const openTransactions = ['pin', 'wait', 'handover'] as const;

/** So long the API waits, milliseconds: less than the five minutes after which clients give up by themselves. */
export const waitMaxMs = 240_000;

export const assignmentBody = Type.Object(
  {
    primary: Type.String({
      ...nameBounds,
      description:
        'The backend that is to answer the station. Where it does already, only who listens in may change.',
    }),
    observers: Type.Optional(
      Type.Array(
        Type.Object(
          {
            backend: observerFields.backend,
            receives: Type.Optional(observerFields.receives),
            commands: Type.Optional(observerFields.commands),
          },
          { additionalProperties: false },
        ),
        {
          maxItems: observersMax,
          description:
            'Who listens in, whatever the route says, and as `routes[].observers` of the configuration says it: without `receives` registration, liveness and state, without `commands` none. []: nobody. Left out: whom the route says. It lasts as the placement does, and a rollback goes back to what was before.',
        },
      ),
    ),
    openTransactions: Type.Optional(
      oneOf(openTransactions, {
        default: 'pin',
        description:
          'pin: their backend keeps them to the end. wait: no move while there are any. handover: the new backend gets them with their start, and the one before nothing more of them.',
      }),
    ),
    keepOldWarm: Type.Optional(duration('How long the backend before is kept ready; without it 14d.')),
    force: Type.Optional(
      Type.Boolean({
        default: false,
        description:
          'Though a firmware update, a reservation or a report of the backend before is under way.',
      }),
    ),
    reason,
  },
  { additionalProperties: false },
);
export type AssignmentBody = Static<typeof assignmentBody>;

export const assignmentQuery = Type.Object(
  {
    wait: Type.Optional(
      duration('How long to wait for the backend to know the station; without it not at all, at most 4min.'),
    ),
  },
  { additionalProperties: false },
);
export type AssignmentQuery = Static<typeof assignmentQuery>;
