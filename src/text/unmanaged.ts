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

/** The same for tenants of a kind. */
export const unmanagedKindHint =
  'record the files of the scope that built it with: sqlmig adopt --baseline VERSION --scope NAME';
