/** What a comparison of structures can leave out. */
export const ignorable = ['owner', 'grants', 'comments', 'column-order'] as const;

/** One of `ignorable`. */
export type Ignorable = (typeof ignorable)[number];

/** What `verify --structure` and `verify --siblings` leave out. */
export interface StructureSettings {
  readonly ignore: readonly Ignorable[];
  /** Objects that may differ, such as `users.legacy_*` or `audit_*`; `*` stands for any text. */
  readonly ignoreObjects: readonly string[];
}
