// SCRAM-SHA-256 for passwords of ASCII: the proof of a password by which the serving role signs in, and the form in which PostgreSQL
// stores one. Sent instead of the password, that form keeps it out of the server's logs.
// https://www.rfc-editor.org/rfc/rfc5802, https://www.rfc-editor.org/rfc/rfc5803, https://www.postgresql.org/docs/current/sasl-authentication.html

import {createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual} from 'node:crypto';

const ITERATIONS = 4096; // PostgreSQL's own default
const HEADER = 'n,,'; // no channel binding, no other identity

const hmac = (key, text) => createHmac('sha256', key).update(text).digest();
const hash = (bytes) => createHash('sha256').update(bytes).digest();

function keys(password, salt, iterations) {
  const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256');
  const client = hmac(salted, 'Client Key');
  return {client, stored: hash(client), server: hmac(salted, 'Server Key')};
}

/** A SCRAM-SHA-256 verifier, for ALTER ROLE … PASSWORD. */
export function verifier(password, salt = randomBytes(16)) {
  const {stored, server} = keys(password, salt, ITERATIONS);
  return `SCRAM-SHA-256$${ITERATIONS}:${salt.toString('base64')}$${stored.toString('base64')}:${server.toString('base64')}`;
}

/**
 * A sign-in: `first` opens it, `final(challenge)` answers the server's challenge, `verify(outcome)` throws where the server did not
 * prove that it knows the password's verifier. The user's name is the one of the startup packet.
 */
export function signIn(password, nonce = randomBytes(18).toString('base64')) {
  const bare = `n=,r=${nonce}`;
  let expected;

  return {
    first: HEADER + bare,
    final(challenge) {
      const [, both, salt, iterations] = /^r=([!-+\--~]+),s=([A-Za-z0-9+/]+=*),i=([1-9]\d{0,5})$/.exec(challenge) ?? [];
      if (!both?.startsWith(nonce) || both.length === nonce.length) throw new Error('SCRAM: a challenge that is not for us');
      const {client, stored, server} = keys(password, Buffer.from(salt, 'base64'), Number(iterations));
      const bound = `c=${Buffer.from(HEADER).toString('base64')},r=${both}`;
      const all = `${bare},${challenge},${bound}`;
      const signature = hmac(stored, all);
      expected = hmac(server, all);
      return `${bound},p=${Buffer.from(client.map((each, index) => each ^ signature[index])).toString('base64')}`;
    },
    verify(outcome) {
      const shown = Buffer.from(/^v=([A-Za-z0-9+/]+=*)$/.exec(outcome)?.[1] ?? '', 'base64');
      if (!expected || shown.length !== expected.length || !timingSafeEqual(shown, expected)) {
        throw new Error('SCRAM: the server does not know the password');
      }
    },
  };
}
