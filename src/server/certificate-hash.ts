import { createHash } from 'node:crypto';

// Signature algorithms by object identifier, as bytes in hex. What is hashed with MD5 or SHA-1 counts as SHA-256.
const signatures: Readonly<Record<string, string>> = {
  '2a864886f70d010104': 'sha256',
  '2a864886f70d010105': 'sha256',
  '2a864886f70d01010e': 'sha224',
  '2a864886f70d01010b': 'sha256',
  '2a864886f70d01010c': 'sha384',
  '2a864886f70d01010d': 'sha512',
  '2a8648ce3d0401': 'sha256',
  '2a8648ce3d040301': 'sha224',
  '2a8648ce3d040302': 'sha256',
  '2a8648ce3d040303': 'sha384',
  '2a8648ce3d040304': 'sha512',
};
// The parameters of RSASSA-PSS name its hash.
const pss = '2a864886f70d01010a';
const hashes: Readonly<Record<string, string>> = {
  '2b0e03021a': 'sha256',
  '608648016503040204': 'sha224',
  '608648016503040201': 'sha256',
  '608648016503040202': 'sha384',
  '608648016503040203': 'sha512',
};

/**
 * The `tls-server-end-point` of a certificate (RFC 5929): its hash by the algorithm of its signature. `null` for a
 * signature without one, such as Ed25519.
 */
export function certificateHash(certificate: Buffer): Buffer | null {
  const [tbs, algorithm] = elementsOf(elementsOf(certificate)[0]?.content);
  const [identifier, parameters] = elementsOf(algorithm?.content);
  if (tbs === undefined || identifier === undefined) return null;
  const signature = identifier.content.toString('hex');
  const hash = signature === pss ? hashOfPss(parameters?.content) : signatures[signature];
  return hash === undefined ? null : createHash(hash).update(certificate).digest();
}

function hashOfPss(parameters: Buffer | undefined): string | undefined {
  // The first parameter has the tag [0]; without it the hash is SHA-1.
  const tagged = elementsOf(parameters).find(({ tag }) => tag === 0xa0);
  if (tagged === undefined) return 'sha256';
  const [identifier] = elementsOf(elementsOf(tagged.content)[0]?.content);
  return hashes[identifier?.content.toString('hex') ?? ''];
}

interface Element {
  readonly tag: number;
  readonly content: Buffer;
}

/** The elements of DER that follow each other in some bytes. */
function elementsOf(bytes: Buffer | undefined): Element[] {
  const elements: Element[] = [];
  for (let at = 0; bytes !== undefined && at + 2 <= bytes.length; ) {
    const [tag = 0, short = 0] = bytes.subarray(at, at + 2);
    const more = short < 0x80 ? 0 : short - 0x80;
    if (more > 4 || at + 2 + more > bytes.length) break;
    const length = more === 0 ? short : bytes.readUIntBE(at + 2, more);
    const start = at + 2 + more;
    elements.push({ tag, content: bytes.subarray(start, start + length) });
    at = start + length;
  }
  return elements;
}
