import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { exitCodes } from '../src/errors.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const src = join(root, 'src');

// Folders by floor: a file imports from its own folder or from floors below.
const floors: readonly (readonly string[])[] = [
  ['results.ts', 'cost-results.ts', 'verify-results.ts', 'errors.ts', 'events.ts'],
  ['text'],
  ['sql'],
  ['server'],
  ['project'],
  ['history'],
  ['convert'],
  ['structure'],
  ['decide'],
  ['protocol'],
  ['execute'],
  ['tenants'],
  ['application'],
  ['embedded'],
  ['run'],
  ['state'],
  ['fleet'],
  ['repair'],
  ['adopt'],
  ['baseline'],
  ['move'],
  ['split'],
  ['drift'],
  ['snapshot'],
  ['lifecycle'],
  ['databases'],
  ['operations'],
  ['testing'],
  ['report', 'index.ts'],
  ['cli'],
];

const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
const room = (file: string) => file.split('/')[0] ?? file;
const floor = (file: string) => floors.findIndex((rooms) => rooms.includes(room(file)));

function importsOf(file: string): string[] {
  const text = readFileSync(join(src, file), 'utf8');
  const specifiers = [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map(
    (match) => match[1] ?? '',
  );
  return specifiers.map((specifier) => normalize(join(dirname(file), specifier)));
}

test('every file stands on a floor', () => {
  expect(files.filter((file) => floor(file) === -1)).toEqual([]);
});

test('no import goes upward', () => {
  const upward = files.flatMap((file) =>
    importsOf(file)
      .filter(
        (target) =>
          floor(target) > floor(file) ||
          (floor(target) === floor(file) && room(target) !== room(file) && floor(file) > 0),
      )
      .map((target) => `${file} -> ${target}`),
  );
  expect(upward).toEqual([]);
});

test('no import goes round, types included', () => {
  const cycles: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]) => {
    if (path.includes(file)) cycles.push([...path.slice(path.indexOf(file)), file].join(' -> '));
    else if (!done.has(file)) {
      for (const target of importsOf(file)) visit(target, [...path, file]);
      done.add(file);
    }
  };
  for (const file of files) visit(file, []);
  expect(cycles).toEqual([]);
});

test('operations never import each other', () => {
  const crossing = files
    .filter((file) => room(file) === 'operations')
    .flatMap((file) =>
      importsOf(file)
        .filter((target) => room(target) === 'operations')
        .map((target) => `${file} -> ${target}`),
    );
  expect(crossing).toEqual([]);
});

test('the pure rooms know nothing of the outside', () => {
  const outside =
    /from '(node:(?!buffer|crypto)[^']+|postgres|yargs[^']*)'|\bprocess\.|\bconsole\.|Date\.now|Math\.random/;
  const impure = files.filter(
    (file) =>
      ['text', 'sql', 'decide', 'results.ts', 'errors.ts', 'events.ts', 'report'].includes(room(file)) ||
      file.startsWith('history/import/'),
  );
  expect(
    impure.filter((file) =>
      outside.test(
        readFileSync(join(src, file), 'utf8').replace("import { styleText } from 'node:util';", ''),
      ),
    ),
  ).toEqual([]);
});

test('files stay small, and there is no attic', () => {
  expect(files.filter((file) => readFileSync(join(src, file), 'utf8').split('\n').length > 301)).toEqual([]);
  expect(files.filter((file) => /utils?|helpers?|common|misc|shared|lib/i.test(file))).toEqual([]);
});

test('only the street door ends the process or writes to a stream', () => {
  const speaking = files.filter((file) =>
    /process\.(exit|stdout|stderr)|console\./.test(readFileSync(join(src, file), 'utf8')),
  );
  expect(speaking.sort()).toEqual(['cli/main.ts', 'embedded/supervisor.ts']);
});

test('every error code has a heading in docs/errors.md, and no heading is without a code', () => {
  const page = readFileSync(join(root, 'docs/errors.md'), 'utf8');
  const headings = [...page.matchAll(/^## `([a-z0-9-]+)`/gm)].map((match) => match[1]);
  expect(headings.sort()).toEqual(Object.keys(exitCodes).sort());
  expect(relative(root, src)).toBe('src');
});

test('comments cite headings that docs/lock-protocol.md has', () => {
  const page = readFileSync(join(root, 'docs/lock-protocol.md'), 'utf8');
  const headings = [...page.matchAll(/^## (.+)$/gm)].map((match) => match[1]);
  const cited = files.flatMap((file) => {
    const text = readFileSync(join(src, file), 'utf8').replace(/\s*\n\s*(\*|\/\/) /g, ' ');
    return [...text.matchAll(/lock-protocol(?:\.md, ([^).;:]+))?/g)].map(([all, heading]) => heading ?? all);
  });
  expect(cited.length).toBeGreaterThan(0);
  expect(cited.filter((heading) => !headings.includes(heading))).toEqual([]);
});

const textOf = (file: string) => readFileSync(join(src, file), 'utf8');

test('no name is exported twice', () => {
  const homes = new Map<string, string[]>();
  const declared =
    /^export (?:async )?(?:declare )?(?:abstract )?(?:function\*?|const|let|class|interface|type|enum) (\w+)/gm;
  for (const file of files) {
    for (const [, name = ''] of textOf(file).matchAll(declared))
      homes.set(name, [...(homes.get(name) ?? []), file]);
  }
  expect([...homes].filter(([, found]) => found.length > 1)).toEqual([]);
});

test('comments cite only files and headings that exist', () => {
  const comments = files.flatMap((file) =>
    [...textOf(file).matchAll(/\/\*\*[\s\S]*?\*\/|(?:^[ \t]*\/\/.*\n)+/gm)].map(([comment]) => ({
      file,
      text: comment.replace(/\n\s*(?:\*|\/\/)?\s*/g, ' '),
    })),
  );
  const dangling = comments.flatMap(({ file, text }) =>
    [...text.matchAll(/(?<![\w*/.-])([\w/-]+\.(?:md|ts|mjs))\b(?:, ([A-Z][^).;:]*))?/g)]
      .filter(([, path = '', heading]) => {
        const found = [join(root, path), join(src, path), join(src, dirname(file), path)].find(existsSync);
        if (found === undefined) return true;
        const isCited = heading !== undefined && path.endsWith('.md');
        return isCited && !readFileSync(found, 'utf8').includes(`\n## ${heading.trim()}\n`);
      })
      .map(([cited]) => `${file}: ${cited}`),
  );
  expect(dangling).toEqual([]);
});

const architecture = readFileSync(join(root, 'docs/architecture.md'), 'utf8');
const partOf = (heading: string) =>
  architecture.split(/^## /m).find((part) => part.startsWith(heading)) ?? '';

test('docs/architecture.md has one row per floor, in their order', () => {
  const rows = [...partOf('Folders').matchAll(/^\| (`[^|]*`) \|/gm)].map(([, cell = '']) =>
    [...cell.matchAll(/`([^`]+?)\/?`/g)].map(([, name]) => name),
  );
  expect(rows).toEqual(floors);
});

test('the walk of up --all names at most 30 files, each once, and every file that is named exists', () => {
  const walk = [...partOf('The walk').matchAll(/^\d+\. `([^`]+)`/gm)].map(([, path = '']) => path);
  expect(walk.length).toBeGreaterThan(20);
  expect(walk.length).toBeLessThanOrEqual(30);
  expect(new Set(walk).size).toBe(walk.length);
  const named = [...architecture.matchAll(/`([\w/.-]+\.ts)`/g)].map(([, path = '']) => path);
  const known = (path: string) =>
    [join(root, path), join(src, path)].some(existsSync) ||
    walk.some((visited) => visited.endsWith(`/${path}`));
  expect(named.filter((path) => !known(path))).toEqual([]);
});

test('each step of the walk is imported by one before it', () => {
  const walk = [...partOf('The walk').matchAll(/^\d+\. `src\/([^`]+)`/gm)].map(([, path = '']) => path);
  const reached = (path: string, i: number) => {
    const seen = new Set(walk.slice(0, i));
    return [...seen].some((file) => importsOf(file).some((target) => target === path || leads(target, path)));
  };
  // One file in between, such as the registry of commands or a room's small parts.
  const leads = (file: string, path: string) => importsOf(file).includes(path);
  expect(walk.filter((path, i) => i > 0 && !reached(path, i))).toEqual([]);
});
