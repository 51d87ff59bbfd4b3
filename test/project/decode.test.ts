import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { checksumOf, decode } from '../../src/project/decode.ts';

test.for([
  ['all good', Buffer.from('größe 🐘'), { text: 'größe 🐘' }],
  ['a byte order mark goes', Buffer.from('\ufeffselect 1'), { text: 'select 1' }],
  ['Latin-1', Buffer.from('gr\xf6\xdfe', 'latin1'), { badByteAt: 2 }],
  ['after a real character', Buffer.concat([Buffer.from('ü🐘'), Buffer.from([0xff])]), { badByteAt: 6 }],
  ['cut inside a character', Buffer.from('abc🐘').subarray(0, 5), { badByteAt: 3 }],
  ['UTF-16', Buffer.from('\ufeffa', 'utf16le'), { badByteAt: 0 }],
  ['a replacement character is a character', Buffer.from('\ufffd'), { text: '\ufffd' }],
] as const)('%s', ([, bytes, expected]) => {
  expect(decode(bytes)).toEqual(expected);
});

test('a checksum is that of the text with LF line ends', () => {
  const lf = createHash('sha256').update('a\nb\n\nc').digest('hex');
  expect(['a\nb\n\nc', 'a\r\nb\r\n\r\nc', 'a\rb\r\rc'].map(checksumOf)).toEqual([lf, lf, lf]);
});
