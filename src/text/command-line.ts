/**
 * A command of sqlmig as it can be pasted into a POSIX shell: each argument is quoted if necessary. Control
 * characters are written as `$'\n'`, since a hint shows them as escapes.
 */
export function commandLine(...args: readonly string[]): string {
  return ['sqlmig', ...args.map(shellWord)].join(' ');
}

/** The command that settles a migration in a schema, with these flags. */
export function repairCommandLine(
  schema: string,
  { version, name }: { readonly version?: string | null | undefined; readonly name?: string | undefined },
  ...flags: readonly string[]
): string {
  // The command line would take it for a flag.
  if (schema.startsWith('-')) return commandLine('repair', `--tenants=${schema}`, ...flags);
  return commandLine('repair', schema, version ?? name ?? '', ...flags);
}

/** The hint to run the command again that runs a file. */
export function runAgain({ undoes }: { readonly undoes?: true }): string {
  return `run sqlmig ${undoes ? 'down' : 'up'} again`;
}

/** A text as one word of a POSIX shell. */
export function shellWord(text: string): string {
  if (/^[\w@+:,./-]+$/.test(text)) return text;
  if (!/\p{Cc}/u.test(text)) return `'${text.replaceAll("'", "'\\''")}'`;
  const escaped = text
    .replace(/[\\']/g, '\\$&')
    .replace(/\p{Cc}/gu, (char) =>
      [...new TextEncoder().encode(char)].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join(''),
    );
  return `$'${escaped}'`;
}
