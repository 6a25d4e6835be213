/**
 * How the delivery of a message stands when it was just held. Pure.
 */
import type { Delivery } from './held-message.ts';

export const freshDelivery: Delivery = { state: 'waiting', attempts: 0, retryAt: 0, lastError: null };
