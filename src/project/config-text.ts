import { SqlmigError } from '../errors.ts';
import { locate } from '../sql/position.ts';
import { type JsonNode, parseJsonc } from '../text/jsonc.ts';

/** A place in a config file. Its text is not shown: it may be a password. */
export interface ConfigPlace {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** The contents of a config file. */
export interface ConfigContent {
  readonly settings: unknown;
  /** Where a key is, or with `isValue` its value; `null` if that is unknown, as in a module. */
  readonly placeOf: (path: readonly unknown[], isValue: boolean) => ConfigPlace | null;
}

/** A config without places. */
export function withoutPlaces(settings: unknown): ConfigContent {
  return { settings, placeOf: () => null };
}

/**
 * Reads JSON with comments and trailing commas.
 * @throws SqlmigError `config-invalid` with the place of the mistake.
 */
export function readJson(file: string, text: string): ConfigContent {
  if (text.trim() === '') return withoutPlaces({});
  try {
    const settings: unknown = JSON.parse(text);
    // Places are needed for mistakes only.
    return {
      settings,
      placeOf: (path, isValue) => placeIn(file, text, { path, isValue, root: parseJsonc(text) }),
    };
  } catch {
    const root = parseJsonc(text);
    if ('problem' in root) throw mistake(root.problem, placeAt(file, text, root.index));
    return { settings: root.value, placeOf: (path, isValue) => placeIn(file, text, { path, isValue, root }) };
  }
}

/**
 * Reads YAML; the parser is loaded on first use.
 * @throws SqlmigError `config-invalid` with the place of the mistake.
 */
export async function readYaml(file: string, content: string): Promise<ConfigContent> {
  const { isNode, parseDocument } = await import('yaml');
  // A warning would quote the text as well.
  const document = parseDocument(content, { prettyErrors: false, logLevel: 'error' });
  const [error] = document.errors;
  // The message may quote the text, its code does not.
  if (error !== undefined)
    throw mistake(`this is not valid YAML (${error.code})`, placeAt(file, content, error.pos[0]));
  const placeOf: ConfigContent['placeOf'] = (path) => {
    const node: unknown = document.getIn(path, true);
    const index = isNode(node) ? node.range?.[0] : undefined;
    return index === undefined ? null : placeAt(file, content, index);
  };
  try {
    return { settings: document.toJS() ?? {}, placeOf };
  } catch {
    throw mistake('an alias refers to no anchor, or there are too many aliases', null, file);
  }
}

interface Wanted {
  readonly path: readonly unknown[];
  readonly isValue: boolean;
  readonly root: ReturnType<typeof parseJsonc>;
}

function placeIn(file: string, text: string, { path, isValue, root }: Wanted): ConfigPlace | null {
  if ('problem' in root) return null;
  let at: { readonly node: JsonNode; readonly key: number } = { node: root, key: root.index };
  for (const key of path) {
    const member = at.node.members.get(key as string | number);
    if (member === undefined) break;
    at = member;
  }
  return placeAt(file, text, isValue ? at.node.index : at.key);
}

function placeAt(file: string, text: string, index: number): ConfigPlace {
  const { line, column } = locate(file, text, index);
  return { file, line, column };
}

function mistake(problem: string, place: ConfigPlace | null, file = place?.file): SqlmigError {
  return new SqlmigError('config-invalid', `cannot read ${file}: ${problem}`, { ...place });
}
