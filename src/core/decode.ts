import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';

/** A file's bytes as text, or the offset (bytes, from 0) of the first byte that is not UTF-8. */
export type Decoded = { readonly text: string } | { readonly badByteAt: number };

/** Decodes UTF-8 strictly and drops a byte order mark. */
export function decode(bytes: Uint8Array): Decoded {
  if (!isUtf8(bytes)) return { badByteAt: firstBadByte(bytes) };
  const text = new TextDecoder('utf-8').decode(bytes);
  return { text };
}

/** sha-256 of a text with CRLF and CR turned into LF, lower-case hex; the text comes without BOM (see `decode`). */
export function checksumOf(text: string): string {
  return createHash('sha256').update(text.replace(/\r\n?/g, '\n')).digest('hex');
}

function firstBadByte(bytes: Uint8Array): number {
  let at = 0;
  for (;;) {
    const size = [1, 2, 3, 4].find((n) => at + n <= bytes.length && isUtf8(bytes.subarray(at, at + n)));
    if (size === undefined) return at;
    at += size;
  }
}
