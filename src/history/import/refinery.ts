import { sipHash13, textsOf } from './checksums.ts';
import { versionKeys } from './file-layout.ts';
import type { HistoryReader, SourceFile } from './history-reader.ts';
import { recordedVersion } from './recorded-rows.ts';

/** refinery: `refinery_schema_history`. */
export const refineryReader: HistoryReader = {
  tool: 'refinery',
  form: { columns: ['version', 'name', 'checksum'], time: 'applied_on', order: ['version'] },
  checksum: {
    name: 'SipHash-1-3 of name, version and file',
    compare: ({ name, checksum }, file) => (candidates(name, file).includes(checksum) ? 'equal' : 'changed'),
  },
  keysOf: ({ path }) => versionKeys(path.replace(/(^|\/)U(?=\d)/, '$1V')),
  recorded: ({ rows }) =>
    rows.map((row) => ({
      ...recordedVersion(row, row.checksum ?? null),
      name: `${row.version} ${row.name}`,
    })),
};

// Rust hashes a string with 0xFF after it; the version has 4 bytes, or 8 with the feature `int8-versions`.
function candidates(recorded: string, file: SourceFile): string[] {
  const [version = '', ...name] = recorded.split(' ');
  const end = Buffer.from([0xff]);
  const narrow = Buffer.alloc(4);
  narrow.writeUInt32LE(Number(BigInt.asUintN(32, BigInt(version))));
  const wide = Buffer.alloc(8);
  wide.writeBigInt64LE(BigInt(version));
  return [narrow, wide].flatMap((bytes) =>
    textsOf(file).map((text) =>
      sipHash13(Buffer.concat([Buffer.from(name.join(' ')), end, bytes, Buffer.from(text), end])).toString(),
    ),
  );
}
