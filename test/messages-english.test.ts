import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { globalOptions } from '../src/cli/options.ts';
import { commands, commandsElsewhere } from '../src/cli/registry.ts';
import { bannedPhrases } from './setup/banned-phrases.ts';

const src = fileURLToPath(new URL('../src', import.meta.url));

/** A text in the source that users may read. */
interface Text {
  readonly place: string;
  readonly text: string;
}

/** All string literals of the source with a space in them; comments, imports and SQL are no text for users. */
function textsOf(file: string): Text[] {
  const code = readFileSync(join(src, file), 'utf8')
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ' '))
    .replace(/^\s*\/\/.*$/gm, '');
  return code.split('\n').flatMap((line, i) =>
    [...line.matchAll(/'((?:[^'\\]|\\.)*)'|`((?:[^`\\]|\\.)*)`/g)]
      .map(([, single = '', template = '']) => single + template)
      .filter(
        (text) =>
          text.includes(' ') && !/^\s*(select|with|insert|update|delete|from|where|left join)\b/i.test(text),
      )
      .map((text) => ({ place: `${file}:${i + 1}`, text })),
  );
}

const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
const texts = files.flatMap(textsOf);
const all = await Promise.all(Object.values(commands).map((load) => load()));

test('every command that a message recommends exists', () => {
  const names = [
    ...Object.keys(commands),
    ...new Set(Object.keys(commands).map((name) => name.split(' ')[0])),
    'completion',
    'help',
  ];
  // Words that follow the name of the program in a sentence about it; digest and schema are names of a row and a span.
  const prose = [
    'digest',
    'schema',
    'runs',
    'ended',
    'is',
    'can',
    'cannot',
    'does',
    'needs',
    'starts',
    'stores',
    'made',
    'on',
    'in',
    'at',
    'did',
    'and',
    'or',
    'itself',
    'holds',
    'set',
    'has',
    'knows',
    'wrote',
    'first',
    'sets',
    'once',
    'without',
    'never',
    'names',
    'writes',
    'speaks',
    'opens',
    'prepares',
    'omits',
    'history',
    'leaves',
    'manages',
    'uses',
    'that',
  ];
  const missing = texts.flatMap(({ place, text }) =>
    [...text.matchAll(/\bsqlmig ([a-z]+)(?: ([a-z]+))?/g)]
      .filter(
        ([, one = '', two = '']) =>
          !prose.includes(one) && !names.includes(one) && !names.includes(`${one} ${two}`),
      )
      .map(([found]) => `${place}: ${found}`),
  );
  expect(missing).toEqual([]);
  const elsewhere = Object.values(commandsElsewhere).map((line) => line.replace(/ --.*/, ''));
  expect(elsewhere.filter((name) => !Object.hasOwn(commands, name))).toEqual([]);
});

test('every flag that a message recommends exists', () => {
  const known = new Set(
    [globalOptions, ...all.map(({ options }) => options)].flatMap((options) => Object.keys(options)),
  );
  for (const flag of ['help', 'version', 'no-color', 'no-digest']) known.add(flag);
  // Flags of other programs.
  for (const flag of [
    'inserts',
    'skip-execution',
    'applied',
    'rolled-back',
    'save-dev',
    'omit',
    'include',
    'schema-only',
    'optimize-for-size',
  ])
    known.add(flag);
  const missing = texts
    .filter(({ place }) => !place.startsWith('embedded/') && !place.startsWith('cli/v8-flags'))
    .flatMap(({ place, text }) =>
      [...text.matchAll(/(?<![\w-])--([a-z][a-z-]+)/g)]
        .filter(([, flag = '']) => !known.has(flag))
        .map(([flag]) => `${place}: ${flag}`),
    );
  expect(missing).toEqual([]);
});

test('a command takes the flags that its own example shows', () => {
  for (const { name, examples, options } of all) {
    for (const [line] of examples) {
      const [own = ''] = line.split(' -- ');
      for (const [, flag = ''] of own.matchAll(/--([a-z-]+)/g))
        expect({ name, flag, known: flag in { ...globalOptions, ...options } }).toMatchObject({
          known: true,
        });
    }
  }
});

test('no message, hint or description is written in the banned wordings', () => {
  const found = texts.flatMap(({ place, text }) =>
    bannedPhrases.flatMap(({ phrase, instead }) => {
      const [match] = phrase.exec(text) ?? [];
      return match === undefined ? [] : [`${place}: "${match}" (better: ${instead})`];
    }),
  );
  expect(found).toEqual([]);
});
