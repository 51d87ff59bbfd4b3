/** One row of a schema's history. */
export interface HistoryRow {
  /** Without leading zeros; `null` for a repeatable. */
  readonly version: string | null;
  readonly name: string;
  readonly checksum: string;
  readonly state: 'applied' | 'incomplete';
  /** The checksum of the non-transactional down file that was started; absent unless it is being undone. */
  readonly undoneBy?: string;
  /** True if a statement was begun and may not be done, which only `repair` can settle. */
  readonly inDoubt?: boolean;
}
