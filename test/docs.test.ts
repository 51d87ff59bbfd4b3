import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { bannedPhrases } from './setup/banned-phrases.ts';
import { sqlmig } from './setup/cli.ts';
import { freshDatabase } from './setup/database.ts';
import { project } from './setup/project.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const pages = ['README.md', ...readdirSync(join(root, 'docs')).map((file) => `docs/${file}`)].filter((file) =>
  file.endsWith('.md'),
);

/** The lines of all `sh` blocks of a page, in their order, without comments. */
function commandsOf(page: string): string[] {
  const text = readFileSync(join(root, page), 'utf8');
  return [...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)]
    .flatMap((block) => (block[1] ?? '').split('\n'))
    .map((line) => line.replace(/\s+#.*$/, '').trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}

/** A folder of programs: sqlmig and npx are the built command; npm and docker only say that they were not run. */
function programs(dir: string): string {
  const bin = join(dir, '.bin');
  mkdirSync(bin);
  const cli = join(root, 'dist/cli.js');
  const write = (name: string, script: string) => {
    writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(bin, name), 0o755);
  };
  write('sqlmig', `exec "${process.execPath}" "${cli}" "$@"`);
  write(
    'npx',
    `[ "$1" = --no ] && shift; [ "$1" = sqlmig ] && shift; exec "${process.execPath}" "${cli}" "$@"`,
  );
  write('npm', `echo "skipped: npm $* (the test that runs this was started by it)"`);
  write('docker', `echo "skipped: docker $* (tests of containers run it)"`);
  return bin;
}

const plainWord = /(?:[\w./:=,@%+-]|'[^']*')+/;
const plainCommand = new RegExp(`^(?:npx (?:--no )?)?sqlmig((?: ${plainWord.source})*)$`);

/** The arguments of a line that is just a command of sqlmig; `null` for one that needs a shell or a process of its own. */
function argumentsOf(line: string): string[] | null {
  const [, words] = plainCommand.exec(line) ?? [];
  if (words === undefined || /--env-file| -- /.test(words)) return null;
  return [...words.matchAll(new RegExp(plainWord, 'g'))].map(([word]) => word.replaceAll("'", ''));
}

test.each(pages.filter((page) => commandsOf(page).length > 0))(
  'every command shown in %s works',
  async (page) => {
    const db = await freshDatabase();
    const p = project({});
    // These begin in an empty folder.
    const isBeginning = ['README.md', 'docs/five-minutes.md'].includes(page);
    if (!isBeginning) {
      for (const part of ['sql', 'sqlmig.config.json'])
        cpSync(join(root, part), join(p.dir, part), { recursive: true });
    } else {
      for (const part of ['sql', 'sqlmig.config.json']) execFileSync('rm', ['-r', part], { cwd: p.dir });
    }
    // The app that docs/docker.md starts.
    writeFileSync(join(p.dir, 'server.js'), '');
    const env = { PATH: `${programs(p.dir)}:${process.env.PATH}`, HOME: p.dir, DATABASE_URL: db.url };
    // The server of the test stands for the embedded one, except where that is asked to stay out of the way.
    const lines = commandsOf(page)
      .filter((line) => !line.startsWith('npm install &&'))
      .map((line) => line.replace(/ --embedded$/, ''));
    for (const line of lines) {
      const args = argumentsOf(line);
      const { status, stdout, stderr } =
        args === null
          ? spawnSync('sh', ['-c', line], { cwd: p.dir, env, encoding: 'utf8' })
          : await sqlmig(args, p.dir, env).then(({ code, ...written }) => ({ status: code, ...written }));
      if (stdout.startsWith('skipped:')) console.log(stdout.trim());
      expect({ line, status, stderr: status === 0 ? '' : stderr }).toEqual({ line, status: 0, stderr: '' });
    }
  },
);

/** The anchors that GitHub makes from a page's headings. */
function anchorsOf(page: string): string[] {
  const headings = readFileSync(page, 'utf8').matchAll(/^#+ (.+)$/gm);
  return [...headings].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

test('every link between pages has a target, and every anchor a heading', () => {
  const links = pages.flatMap((page) => {
    const text = readFileSync(join(root, page), 'utf8');
    return [...text.matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g)].map(
      ([, target = '', anchor = '']) => ({ page, target, anchor }),
    );
  });
  const broken = links.filter(({ page, target, anchor }) => {
    const file = target === '' ? join(root, page) : join(root, page, '..', target);
    return !existsSync(file) || (anchor !== '' && !anchorsOf(file).includes(anchor));
  });
  expect(broken).toEqual([]);
});

test.each([...pages, 'CHANGELOG.md'])('%s contains no banned phrase', (page) => {
  const lines = readFileSync(join(root, page), 'utf8').split('\n');
  const banned = lines.flatMap((line, i) =>
    bannedPhrases.flatMap(({ phrase, instead }) => {
      const found = phrase.exec(line)?.[0];
      return found === undefined ? [] : [`${page}:${i + 1}: ${found} (${instead})`];
    }),
  );
  expect(banned).toEqual([]);
});

test.each(pages)('%s does not end with a bare block of commands', (page) => {
  expect(readFileSync(join(root, page), 'utf8').trimEnd().endsWith('```')).toBe(false);
});

test('docs/commands.md explains every kind of finding', () => {
  const results = readFileSync(join(root, 'src/results.ts'), 'utf8');
  const unions = [...results.matchAll(/type (?:Finding|Trouble)Kind =([^;]*);/g)].map(
    ([, union = '']) => union,
  );
  const inFiles = [...results.matchAll(/readonly kind: ('[^']+')/g)].map(([, kind = '']) => kind);
  const kinds = [...unions, ...inFiles].flatMap((text) =>
    [...text.matchAll(/'([^']+)'/g)].map(([, kind]) => kind),
  );
  expect(kinds.length).toBeGreaterThan(10);
  const page = readFileSync(join(root, 'docs/commands.md'), 'utf8');
  expect(kinds.filter((kind) => !page.includes(`\`${kind}\``))).toEqual([]);
});

test('the README shows the two commands of a fresh clone first', () => {
  const [first, second] = commandsOf('README.md');
  expect(first).toBe('npm install && npx sqlmig up --all --embedded');
  expect(second).toBe('npm test');
});
