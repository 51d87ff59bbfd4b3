import { createHash } from 'node:crypto';
import type { ChecksumRule, SourceFile } from './history-reader.ts';

/**
 * The texts that a tool may have hashed: the file as it is, with the other line ends (a checkout may have changed
 * them), and with the byte order mark that reading drops.
 */
export function textsOf({ text }: SourceFile): readonly string[] {
  const lf = text.replaceAll('\r\n', '\n');
  const texts = [...new Set([text, lf, lf.replaceAll('\n', '\r\n')])];
  return [...texts, ...texts.map((text) => `\ufeff${text}`)];
}

/** A digest of a text's UTF-8 bytes, lower-case hex. */
export function hexDigest(algorithm: 'md5' | 'sha1' | 'sha256' | 'sha384', text: string): string {
  return createHash(algorithm).update(text).digest('hex');
}

/** The rule of tools that hash the file as it is. */
export function digestOfFile(algorithm: 'md5' | 'sha1' | 'sha256' | 'sha384', name: string): ChecksumRule {
  return anyOf(`${name} of the file`, (file) => textsOf(file).map((text) => hexDigest(algorithm, text)));
}

/** A rule by which a file is equal if one of its candidates is what the tool recorded, else changed. */
export function anyOf(
  name: string,
  candidates: (file: SourceFile, recorded: { readonly name: string }) => readonly string[],
): ChecksumRule {
  return {
    name,
    compare: (recorded, file) =>
      candidates(file, recorded).includes(recorded.checksum.toLowerCase()) ? 'equal' : 'changed',
  };
}

const crcTable = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
  return c;
});

/** CRC-32 (IEEE 802.3) of the UTF-8 bytes of some texts, one after the other; unsigned. */
export function crc32(...texts: readonly string[]): number {
  let crc = 0xffffffff;
  for (const text of texts) {
    for (const byte of Buffer.from(text)) crc = (crc >>> 8) ^ (crcTable[(crc ^ byte) & 255] ?? 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

const word = (n: bigint) => BigInt.asUintN(64, n);
const rotate = (n: bigint, by: bigint) => word((n << by) | (n >> (64n - by)));

/** SipHash-1-3 with a key of zeros, which Rust's `SipHasher13::new` computes. */
export function sipHash13(bytes: Uint8Array): bigint {
  let [a, b, c, d] = [0x736f6d6570736575n, 0x646f72616e646f6dn, 0x6c7967656e657261n, 0x7465646279746573n];
  const round = () => {
    a = word(a + b);
    b = rotate(b, 13n) ^ a;
    a = rotate(a, 32n);
    c = word(c + d);
    d = rotate(d, 16n) ^ c;
    a = word(a + d);
    d = rotate(d, 21n) ^ a;
    c = word(c + b);
    b = rotate(b, 17n) ^ c;
    c = rotate(c, 32n);
  };
  const padded = Buffer.alloc(Math.floor(bytes.length / 8) * 8 + 8);
  padded.set(bytes);
  padded[padded.length - 1] = bytes.length & 255;
  for (let at = 0; at < padded.length; at += 8) {
    const m = padded.readBigUInt64LE(at);
    d ^= m;
    round();
    a ^= m;
  }
  c ^= 255n;
  for (let i = 0; i < 3; i++) round();
  return a ^ b ^ c ^ d;
}
