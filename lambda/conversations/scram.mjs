// The form in which PostgreSQL stores a password. Sent instead of the password, it keeps the password out of the server's logs.
// https://www.rfc-editor.org/rfc/rfc5803

import {createHash, createHmac, pbkdf2Sync, randomBytes} from 'node:crypto';

const ITERATIONS = 4096; // PostgreSQL's own default

/** A SCRAM-SHA-256 verifier of a password of ASCII, for ALTER ROLE … PASSWORD. */
export function verifier(password, salt = randomBytes(16)) {
  const salted = pbkdf2Sync(password, salt, ITERATIONS, 32, 'sha256');
  const hmac = (text) => createHmac('sha256', salted).update(text).digest();
  const storedKey = createHash('sha256').update(hmac('Client Key')).digest('base64');
  return `SCRAM-SHA-256$${ITERATIONS}:${salt.toString('base64')}$${storedKey}:${hmac('Server Key').toString('base64')}`;
}
