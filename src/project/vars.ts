import type { Migration } from '../sql/migration.ts';

/** The values of placeholders by name. */
type Vars = Readonly<Record<string, string>>;

const prefix = 'SQLMIG_VAR_';
const pattern = new RegExp(`^${prefix}([A-Z_][A-Z0-9_]*)$`);

/** The values of placeholders, as a property of each file of a project. */
export function filledFrom(vars: Vars | null): Pick<Migration, 'vars'> {
  return vars === null ? {} : { vars: new Map(Object.entries(vars)) };
}

/** True for a variable that sets the value of a placeholder. */
export function isVar(variable: string): boolean {
  return pattern.test(variable);
}

/**
 * The values from variables, with names in lower case; `null` if no variable sets any. An empty variable sets
 * nothing.
 */
export function readVars(env: Readonly<Record<string, string | undefined>>): Vars | null {
  const found = Object.entries(env).flatMap(([variable, value]): [string, string][] => {
    const name = pattern.exec(variable)?.[1];
    return name === undefined || !value ? [] : [[name.toLowerCase(), value]];
  });
  return found.length === 0 ? null : Object.fromEntries(found);
}

/**
 * The values from a config file, from variables and from the caller, of which later ones override earlier ones. `null`
 * if only variables have some: files may have braces that are not meant for sqlmig, so the config must enable
 * placeholders.
 */
export function varsOf(
  [fromFile, fromEnv, overrides]: readonly [Vars | undefined, Vars | undefined, Vars | undefined],
  onWarning: (message: string) => void,
): Vars | null {
  if (fromFile === undefined && overrides === undefined) {
    for (const name of Object.keys(fromEnv ?? {}))
      onWarning(`${prefix}${name.toUpperCase()} has no effect, since the config has no "vars"`);
    return null;
  }
  const all = [fromFile, fromEnv, overrides].flatMap((vars = {}) => Object.entries(vars));
  return Object.fromEntries(all.map(([name, value]) => [name.toLowerCase(), value]));
}
