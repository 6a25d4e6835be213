/**
 * A type that only its own parser can make, so that an unchecked string cannot stand in for a checked one.
 *
 * Pure, and gone at run time: a branded string is a plain string.
 */
declare const brand: unique symbol;

export type Brand<Base, Name extends string> = Base & { readonly [brand]: Name };
