import { SqlmigError } from '../errors.ts';
import { libpqParameters } from './connection-parameters.ts';
import { frameworkParameters } from './framework-parameters.ts';

/** The settings of a connection string, by parameter names of libpq and frameworks. */
export type UrlParameters = ReadonlyMap<string, string>;

/**
 * Collects the parameters of a connection string: the last one of a name counts, and a libpq parameter overrides an
 * equivalent one of a framework.
 * @throws SqlmigError `config-invalid` for an unknown parameter, an unknown value, and a NUL character; the
 *   error repeats none of them.
 */
export function collectParameters(
  parameters: readonly (readonly [name: string, value: string])[],
): UrlParameters {
  const equivalents = new Map<string, string>();
  const collected = new Map<string, string>();
  for (const [name, value] of parameters) {
    if (value.includes('\0'))
      throw new SqlmigError('config-invalid', 'the database URL contains a NUL character');
    // An old parameter of libpq.
    if (name === 'requiressl') equivalents.set('sslmode', value.startsWith('1') ? 'require' : 'prefer');
    else if (!libpqParameters.has(name) && !frameworkParameters.has(name)) throw unknown();
    else {
      collected.set(name, value);
      for (const equivalent of frameworkParameters.get(name)?.means?.(value) ?? [])
        equivalents.set(...equivalent);
    }
  }
  return new Map([...equivalents, ...collected]);
}

/** Splits a text at the first separator. */
export function splitAtFirst(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

/** One sentence for each parameter that is ignored. */
export function ignoredWarnings(parameters: UrlParameters): string[] {
  return [...parameters].flatMap(([name, value]) => {
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
