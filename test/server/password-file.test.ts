import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { passwordFor, readPasswordFile } from '../../src/server/password-file.ts';

const login = { host: 'db.example', port: 5432, database: 'shop', user: 'ann' };

test.each([
  ['every field written out', 'db.example:5432:shop:ann:secret', 'secret'],
  ['a star for every field', '*:*:*:*:secret', 'secret'],
  ['the first line that matches', 'x:*:*:*:a\n*:*:*:ann:b\n*:*:*:*:c', 'b'],
  ['Windows line ends', '# mine\r\n*:*:*:*:secret\r\n', 'secret'],
  ['a comment', '#*:*:*:*:secret', null],
  ['another host', 'db2.example:5432:shop:ann:secret', null],
  ['another port', '*:5433:*:*:secret', null],
  ['another database', '*:*:shops:*:secret', null],
  ['another user', '*:*:*:an:secret', null],
  ['a star is only a wildcard alone', '*:*:*:a*:secret', null],
  ['an escaped star is no wildcard', '*:*:*:\\*:secret', null],
  ['a colon in the password', '*:*:*:*:a\\:b', 'a:b'],
  ['a backslash in the password', '*:*:*:*:a\\\\b', 'a\\b'],
  ['an escaped backslash before the end of a field', '*:*:*:*:a\\\\:rest', 'a\\'],
  ['what follows an unescaped colon', '*:*:*:*:a:b', 'a'],
  ['a backslash before another character', '*:*:*:*:a\\b', 'ab'],
  ['blanks belong to the password', '*:*:*:*: a ', ' a '],
  ['too few fields', '*:*:*:secret', null],
  ['an empty line', '\n\n*:*:*:*:secret', 'secret'],
])('%s', (_, text, password) => {
  expect(passwordFor(login, text)).toBe(password);
});

test('escapes in the other fields, and IPv6 addresses', () => {
  const text = '\\:\\:1:5432:a\\:b:o\\\\o:secret';
  expect(passwordFor({ host: '::1', port: 5432, database: 'a:b', user: 'o\\o' }, text)).toBe('secret');
});

test('localhost stands for the default folder of the socket, and for no other', () => {
  const text = 'localhost:*:*:*:secret';
  expect(passwordFor({ ...login, host: '/var/run/postgresql' }, text)).toBe('secret');
  expect(passwordFor({ ...login, host: '/srv/sockets' }, text)).toBe(null);
});

test('a file that others may read is ignored, with the reason; a missing one is empty', () => {
  const dir = mkdtempSync(join(tmpdir(), 'sqlmig-pgpass-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const file = join(dir, 'pgpass');
  writeFileSync(file, '*:*:*:*:secret\n', { mode: 0o600 });
  expect(readPasswordFile(file, login)).toEqual({ password: 'secret', ignored: null });
  for (const mode of [0o640, 0o604, 0o620]) {
    chmodSync(file, mode);
    expect(readPasswordFile(file, login)).toEqual({
      password: null,
      ignored: `the password file ${file} has group or world access; run chmod 600 on it`,
    });
  }
  chmodSync(file, 0o400);
  expect(readPasswordFile(file, login).password).toBe('secret');
  mkdirSync(join(dir, 'folder'));
  expect(readPasswordFile(join(dir, 'folder'), login).ignored).toContain('is not a plain file');
  expect(readPasswordFile(join(dir, 'none'), login)).toEqual({ password: null, ignored: null });
});
