/** The two clocks. Durations and deadlines use the monotonic one; records and people the wall clock. */
export interface Clock {
  /** Milliseconds since 1970; may jump. */
  wallMs(): number;
  /** Milliseconds since some start; never goes back. */
  nowMs(): number;
}
