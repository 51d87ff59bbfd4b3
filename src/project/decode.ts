import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';

/** A file's bytes as text, or the offset (bytes, from 0) of the first byte that is not UTF-8. */
type Decoded = { readonly text: string } | { readonly badByteAt: number };

/** Decodes UTF-8 strictly and drops a byte order mark. */
export function decode(bytes: Uint8Array): Decoded {
  if (!isUtf8(bytes)) return { badByteAt: firstBadByte(bytes) };
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  return { text: text.startsWith('\ufeff') ? text.slice(1) : text };
}

/** sha-256 of a text with CRLF and CR turned into LF, lower-case hex; the text comes without BOM (see `decode`). */
export function checksumOf(text: string): string {
  const lines = text.includes('\r') ? text.replace(/\r\n?/g, '\n') : text;
  return createHash('sha256').update(lines).digest('hex');
}

function firstBadByte(bytes: Uint8Array): number {
  let at = 0;
  for (;;) {
    const size = [1, 2, 3, 4].find((n) => at + n <= bytes.length && isUtf8(bytes.subarray(at, at + n)));
    if (size === undefined) return at;
    at += size;
  }
}
