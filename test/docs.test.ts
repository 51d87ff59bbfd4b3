import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
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

/** A folder of programs: sqlmig and npx are the built command; npm only says that it was not run again from within. */
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
  return bin;
}

test.each(pages.filter((page) => commandsOf(page).length > 0))(
  'every command shown in %s works',
  async (page) => {
    const db = await freshDatabase();
    const p = project({});
    const isQuickStart = page === 'README.md';
    if (!isQuickStart) {
      for (const part of ['sql', 'sqlmig.config.json'])
        cpSync(join(root, part), join(p.dir, part), { recursive: true });
    } else {
      // The quick start begins in an empty folder.
      for (const part of ['sql', 'sqlmig.config.json']) execFileSync('rm', ['-r', part], { cwd: p.dir });
    }
    const env = { PATH: `${programs(p.dir)}:${process.env.PATH}`, HOME: p.dir, DATABASE_URL: db.url };
    const blocks = commandsOf(page).filter((line) => !line.includes('--embedded'));
    for (const line of blocks) {
      const { status, stdout, stderr } = spawnSync('sh', ['-c', line], { cwd: p.dir, env, encoding: 'utf8' });
      if (stdout.startsWith('skipped:')) console.log(stdout.trim());
      expect({ line, status, stderr: status === 0 ? '' : stderr }).toEqual({ line, status: 0, stderr: '' });
    }
  },
);

test('links between the pages lead somewhere', () => {
  for (const page of pages) {
    const text = readFileSync(join(root, page), 'utf8');
    for (const [, target = ''] of text.matchAll(/\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)/g))
      expect({ page, target, there: readFileSync(join(root, page, '..', target)).length > 0 }).toMatchObject({
        there: true,
      });
  }
});

test('the README shows the two commands of a fresh clone first', () => {
  const [first, second] = commandsOf('README.md');
  expect(first).toBe('npm install && npx --no sqlmig up --all --embedded');
  expect(second).toBe('npm test');
});
