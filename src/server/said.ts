import { SqlmigError } from '../errors.ts';
import { libpqParameters } from './connection-parameters.ts';
import { frameworkParameters } from './framework-parameters.ts';

/** The settings of a connection string, by parameter names of libpq and frameworks. */
export type Said = ReadonlyMap<string, string>;

/**
 * Collects the parameters of a connection string: the last one of a name counts, and a libpq parameter overrides an
 * equivalent one of a framework.
 * @throws SqlmigError `config-invalid` for an unknown parameter, an unknown value, and a NUL character; the
 *   error repeats none of them.
 */
export function sayAll(parameters: readonly (readonly [name: string, value: string])[]): Said {
  const meant = new Map<string, string>();
  const said = new Map<string, string>();
  for (const [name, value] of parameters) {
    if (value.includes('\0'))
      throw new SqlmigError('config-invalid', 'the database URL contains a NUL character');
    // An old name that libpq takes itself.
    if (name === 'requiressl') meant.set('sslmode', value.startsWith('1') ? 'require' : 'prefer');
    else if (!libpqParameters.has(name) && !frameworkParameters.has(name)) throw unknown();
    else {
      said.set(name, value);
      for (const known of frameworkParameters.get(name)?.means?.(value) ?? []) meant.set(...known);
    }
  }
  return new Map([...meant, ...said]);
}

/** Cuts a text at the first separator. */
export function cut(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

/** One sentence for each parameter that is ignored. */
export function ineffective(said: Said): string[] {
  return [...said].flatMap(([name, value]) => {
    const warning = frameworkParameters.get(name)?.warning?.(value) ?? null;
    return warning === null ? [] : [`${name} in the database URL: ${warning}`];
  });
}

function unknown(): SqlmigError {
  const known = [...libpqParameters].filter(([, { treatment }]) => treatment.kind === 'honored');
  return new SqlmigError('config-invalid', 'the database URL has an unknown parameter', {
    hint: `pass server settings as options=-c%20name%3Dvalue, and write a ? in a password as %3F; known parameters are ${known.map(([name]) => name).join(', ')}`,
  });
}
