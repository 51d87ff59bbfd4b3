import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';

/** The mechanism with channel binding (RFC 5802, RFC 7677). */
export const boundMechanism = 'SCRAM-SHA-256-PLUS';

/** A client's side of one SCRAM login that is bound to the certificate of its TLS connection. */
export interface ScramLogin {
  /** The first message. */
  readonly first: string;
  /** The answer to the server's challenge; `null` if the challenge is not one of this login. */
  answer(challenge: string): string | null;
  /** True if the server's last message proves that it knows the password and saw the same certificate. */
  isProof(message: string): boolean;
}

/** Begins a login. `certificateHash` is the data of `tls-server-end-point` (RFC 5929), `nonce` printable and random. */
export function beginScram(password: string, certificateHash: Buffer, nonce: string): ScramLogin {
  const header = 'p=tls-server-end-point,,';
  // PostgreSQL takes the user from the startup message.
  const bare = `n=,r=${nonce}`;
  let proof = '';
  return {
    first: header + bare,
    answer(challenge) {
      const parts = fieldsOf(challenge);
      const [r, s, i] = [parts.get('r') ?? '', parts.get('s') ?? '', Number(parts.get('i'))];
      if (!r.startsWith(nonce) || r === nonce || s === '' || !Number.isSafeInteger(i) || i < 1) return null;
      const salted = pbkdf2Sync(prepared(password), Buffer.from(s, 'base64'), i, 32, 'sha256');
      const clientKey = hmac(salted, 'Client Key');
      const binding = Buffer.concat([Buffer.from(header), certificateHash]).toString('base64');
      const withoutProof = `c=${binding},r=${r}`;
      const signed = `${bare},${challenge},${withoutProof}`;
      proof = hmac(hmac(salted, 'Server Key'), signed).toString('base64');
      const signature = hmac(createHash('sha256').update(clientKey).digest(), signed);
      const mixed = Buffer.from(clientKey.map((byte, at) => byte ^ (signature[at] ?? 0)));
      return `${withoutProof},p=${mixed.toString('base64')}`;
    },
    isProof: (message) => proof !== '' && fieldsOf(message).get('v') === proof,
  };
}

function fieldsOf(message: string): Map<string, string> {
  return new Map(message.split(',').map((field) => [field.slice(0, 1), field.slice(2)]));
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

/** The password after SASLprep (RFC 4013); one that it forbids stays as it is, as in libpq. */
function prepared(password: string): string {
  const mapped = password
    .replace(/[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/g, ' ')
    .replace(/\u00ad|\u034f|\u1806|[\u180b-\u180d]|\u200c|\u200d|\u2060|[\ufe00-\ufe0f]|\ufeff/g, '')
    .normalize('NFKC');
  return mapped === '' || /[\p{Cc}\p{Co}\p{Cs}\p{Cn}]/u.test(mapped) ? password : mapped;
}
