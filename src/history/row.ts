/** What a schema's history says of one migration. */
export interface HistoryRow {
  /** Without leading zeros; `null` for a repeatable. */
  readonly version: string | null;
  readonly name: string;
  readonly checksum: string;
  readonly state: 'applied' | 'incomplete';
  /** True where a statement of it was begun and may not be done: only `repair` goes on from there. */
  readonly inDoubt?: boolean;
}
