import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const file = fileURLToPath(new URL('../dist/index.d.cts', import.meta.url));
const text = readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\//g, '');
const starts = [
  ...text.matchAll(
    /^(?:export )?(?:declare )?(?:interface|type|class|function|const) ([\w$]+)(?! *,| *\})/gm,
  ),
];

/** The declarations of the package by name. */
const declarations = new Map(
  starts.map((match, i) => [
    match[1] ?? '',
    text.slice(match.index, starts[i + 1]?.index ?? text.search(/^export (?:type )?\{/m)),
  ]),
);

/** The exported names, as they are declared: `plan$1` for `plan$1 as plan`. */
const exported = [...text.matchAll(/^export (?:type )?\{([^}]*)\}/gm)]
  .flatMap(([, list = '']) => list.split(','))
  .map((entry) => entry.replace(/^\s*(?:type )?([\w$]+)[\s\S]*$/, '$1'));

/** The names of the types that a declaration uses, and that those use in turn. */
function usedBy(name: string, used = new Set<string>()): Set<string> {
  for (const [word] of declarations.get(name)?.matchAll(/\b[A-Z][\w$]*/g) ?? []) {
    if (used.has(word) || word === name || !declarations.has(word)) continue;
    used.add(word);
    usedBy(word, used);
  }
  return used;
}

test('the package exports exactly the types that its functions use', () => {
  const types = exported.filter((name) => /^[A-Z]/.test(name) && name !== 'SqlmigError');
  const values = exported.filter((name) => !types.includes(name));
  const used = new Set(values.flatMap((name) => [...usedBy(name)]));
  used.delete('SqlmigError');
  expect(types.sort()).toEqual([...used].sort());
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
