/** The version of a schema in words. `unmanaged`: it has tables but no applied migration. */
export function atVersion({
  version,
  unmanaged,
}: {
  readonly version: string | null;
  readonly unmanaged?: boolean | undefined;
}): string {
  if (version !== null) return `at ${version}`;
  return unmanaged === true ? 'not managed yet' : 'empty';
}

/** How a schema that has tables but no applied migration comes under management. */
export const unmanagedHint =
  "record the files that built it with: sqlmig adopt --baseline VERSION, or another tool's history with: sqlmig adopt --history";

/** The same for tenants of a kind: `adopt` does not record the files of kinds. */
export const unmanagedKindHint =
  'sqlmig adopt does not record the files of scopes: write them so that they skip what exists (IF NOT EXISTS)';
