/**
 * What the API tells of messages that are held, and takes to decide about them.
 *
 * Pure.
 */
import Type, { type Static } from 'typebox';
import { cursor, limit, name, nullable, oneOf, pageOf, stationId } from './schemas.ts';

/** Values as lists filter by them too. */
const deliveryStates = ['held', 'parked'] as const;

export const delivery = Type.Object(
  {
    id: Type.String({
      description:
        'The station’s identity, a colon and the number of the message; in a path it is percent-encoded like any other text.',
    }),
    station: Type.String(),
    backend: Type.String({ description: 'Which has yet to get it.' }),
    state: oneOf(deliveryStates, {
      description:
        'held: it leaves by itself. parked: it does not before an operator decides about it, or about the one in `behind`.',
    }),
    action: Type.String(),
    transaction: nullable(
      Type.String({
        description: 'Busbar’s key of its transaction; null where it is about none that is known.',
      }),
    ),
    since: Type.String({
      format: 'date-time',
      description: 'When Busbar answered it in the backend’s place.',
    }),
    attempts: Type.Integer({ minimum: 0, description: 'How often the backend refused it.' }),
    lastError: nullable(Type.String()),
    possiblyDuplicate: Type.Boolean({
      description:
        'It left once, or may have before Busbar was restarted, and was not answered: the backend may have it already.',
    }),
    behind: nullable(
      Type.String({
        description: 'The id of the parked one of its transaction that it waits behind; null: none.',
      }),
    ),
    text: Type.String({ description: 'The call as it was held, with its tokens, as frames are shown.' }),
  },
  { additionalProperties: false },
);
export type Delivery = Static<typeof delivery>;

export const deliveryDecided = Type.Object(
  {
    outcome: oneOf(['retried', 'dropped']),
    delivery,
  },
  {
    additionalProperties: false,
    description: 'The delivery as it stands now, or, where it is dropped, as it stood.',
  },
);
export type DeliveryDecided = Static<typeof deliveryDecided>;

export const deliveryPage = pageOf(delivery);
export type DeliveryPage = Static<typeof deliveryPage>;

export const deliveryQuery = Type.Object(
  {
    state: Type.Optional(oneOf(deliveryStates)),
    backend: Type.Optional(name),
    station: Type.Optional(stationId),
    after: Type.Optional(cursor),
    limit: Type.Optional(limit),
  },
  { additionalProperties: false },
);
export type DeliveryQuery = Static<typeof deliveryQuery>;

export const deliveryParams = Type.Object(
  { id: Type.String({ minLength: 1, maxLength: 100, description: 'Such as `CP-1:1764300000000`.' }) },
  { additionalProperties: false },
);
