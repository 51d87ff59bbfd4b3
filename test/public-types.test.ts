import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const dist = fileURLToPath(new URL('../dist', import.meta.url));

/** The declarations of a built file by name, and the files that its other names come from. */
interface Declarations {
  readonly own: ReadonlyMap<string, string>;
  readonly exported: ReadonlySet<string>;
  readonly imported: ReadonlyMap<string, string>;
}

const loaded = new Map<string, Declarations>();

function load(file: string): Declarations {
  const known = loaded.get(file);
  if (known !== undefined) return known;
  const text = readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\//g, '');
  const start =
    /^(?:export )?(?:declare )?(?:interface|type|class|function|const|abstract class) (\w+)(?! *,| *\})/gm;
  const starts = [...text.matchAll(start)];
  const exported = new Set(
    starts.flatMap(([start, name = '']) => (start.startsWith('export') ? [name] : [])),
  );
  const own = new Map(
    starts.map((match, i) => [match[1] ?? '', text.slice(match.index, starts[i + 1]?.index)]),
  );
  const imports = [...text.matchAll(/^(?:import|export) (?:type )?\{([^}]*)\} from '(\.[^']+)'/gm)];
  const imported = new Map(
    imports.flatMap(([, names = '', from = '']) =>
      names.split(',').map((name) => [name.replace(/\btype\b/, '').trim(), target(file, from)] as const),
    ),
  );
  const all = [...text.matchAll(/^export type \* from '(\.[^']+)'/gm)].flatMap(([, from = '']) =>
    [...load(target(file, from)).exported].map((name) => [name, target(file, from)] as const),
  );
  const declarations = { own, exported, imported: new Map([...imported, ...all]) };
  loaded.set(file, declarations);
  return declarations;
}

function target(file: string, from: string): string {
  return join(dirname(file), from.replace(/\.[jt]s$/, '.d.ts'));
}

/** The names of the types that a declaration uses, and that those use in turn. */
function usedBy(name: string, file: string, used = new Set<string>()): Set<string> {
  const { own, imported } = load(file);
  const text = own.get(name);
  if (text === undefined) {
    const from = imported.get(name);
    return from === undefined ? used : usedBy(name, from, used);
  }
  for (const [word] of text.matchAll(/\b[A-Z]\w*/g)) {
    if (used.has(word) || word === name || !(own.has(word) || imported.has(word))) continue;
    used.add(word);
    usedBy(word, file, used);
  }
  return used;
}

test('the package exports exactly the types that its functions use', () => {
  const door = join(dist, 'index.d.ts');
  const names = [...load(door).imported.keys()];
  const isType = (name: string) => /^[A-Z]/.test(name) && name !== 'SqlmigError';
  const values = names.filter((name) => !isType(name));
  const used = new Set(values.flatMap((name) => [...usedBy(name, door)]));
  used.delete('SqlmigError');
  expect(names.filter(isType).sort()).toEqual([...used].sort());
  expect(values).toContain('up');
});

test('outside of the command line, nothing changes the flags or the environment of its host', () => {
  const src = fileURLToPath(new URL('../src', import.meta.url));
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' });
  const changes = /setFlagsFromString|process\.env(?:\.\w+|\[[^\]]+\])\s*=[^=]|delete process\.env/;
  const changing = files
    .filter((file) => file.endsWith('.ts') && !file.startsWith('cli/'))
    .filter((file) => changes.test(readFileSync(join(src, file), 'utf8')));
  expect(changing).toEqual([]);
});
