import { expect, test } from 'vitest';
import { byteIndexes, codePoints, indexOfCodePoint, indexOfLine, locate } from '../../src/sql/position.ts';

const text = 'ä🐘b\r\nsecond\n\n🐘🐘x\rlast';

test.for([
  [0, 1, 1, 'ä🐘b'],
  [text.indexOf('b'), 1, 3, 'ä🐘b'],
  [text.indexOf('second'), 2, 1, 'second'],
  [text.indexOf('x'), 4, 3, '🐘🐘x'],
  [text.indexOf('st'), 5, 3, 'last'],
  [text.length, 5, 5, 'last'],
] as const)('index %i is at %i:%i', ([index, line, column, lineText]) => {
  expect(locate('f', text, index)).toEqual({ file: 'f', line, column, lineText, caret: column });
});

test.for([
  // Where the place is in the line, what is cut off.
  [0, '', '…'],
  [1000, '…', '…'],
  [1999, '…', ''],
] as const)('a long line is shown around the place: %i', ([at, before, after]) => {
  for (const char of ['a', '🐘']) {
    const line = `${char.repeat(at)}!${char.repeat(1999 - at)}`;
    const place = locate('f', `first\n${line}\nlast`, 6 + at * char.length);
    expect(place).toMatchObject({ line: 2, column: at + 1 });
    const { lineText, caret } = place;
    expect([...lineText][caret - 1]).toBe('!');
    expect(lineText.length).toBeLessThanOrEqual(123);
    expect(lineText).toMatch(new RegExp(`^${before}(?:${char}|!)+${after}$`, 'u'));
  }
});

test('a line break at the very start', () => {
  expect(locate('f', '\nx', 0)).toMatchObject({ line: 1, column: 1 });
  expect(locate('f', '\nx', 1)).toMatchObject({ line: 2, column: 1, lineText: 'x' });
});

test('bytes, code points and UTF-16 indexes meet', () => {
  const byte = byteIndexes(text);
  for (let index = 0, point = 0; index < text.length; point++) {
    expect(byte(Buffer.byteLength(text.slice(0, index)))).toBe(index);
    expect(indexOfCodePoint(text, point)).toBe(index);
    index += (text.codePointAt(index) ?? 0) > 0xffff ? 2 : 1;
  }
  expect(byte(0)).toBe(0);
  expect(codePoints('🐘a')).toBe(2);
});

test('where lines start', () => {
  expect([1, 2, 3, 4, 5, 9].map((line) => text.slice(indexOfLine(text, line)).slice(0, 5))).toEqual([
    'ä🐘b\r',
    'secon',
    '\n🐘🐘',
    '🐘🐘x',
    'last',
    '',
  ]);
});
