// The connection: on a real server, and on one that lies.

import assert from 'node:assert/strict';
import {createHash, createHmac, randomBytes} from 'node:crypto';
import {readFileSync} from 'node:fs';
import net from 'node:net';
import {after, before, test} from 'node:test';
import tls from 'node:tls';
import {signIn, verifier} from './scram.mjs';
import {emptyDatabase} from './testing/fixtures.mjs';
import {Connection} from './wire.mjs';

const secure = tls.createSecureContext({
  cert: readFileSync(process.env.TEST_CERTIFICATE),
  key: readFileSync(process.env.TEST_KEY),
});
const ca = tls.getCACertificates('extra');
const PASSWORD = 'pencil';
let connection;

before(async () => {
  const {DB_HOST: host, DB_PORT: port, DB_USER: user, DB_PASSWORD: password, DB_NAME: database} = await emptyDatabase();
  connection = new Connection({host, port, user, password, database, ca, session: {application_name: 'test', client_encoding: 'UTF8'}});
  await connection.connect();
});
after(() => connection.end());

test('values and columns keep what they are', async () => {
  const text = 'SELECT $1::text AS t, $2::int AS i, $3::boolean AS b, $4::float8 AS f, $5::bigint AS big, $6::text AS nothing, $7::text AS empty';
  const values = ['é\u{1F600}', 3, false, -1.5e-9, '9007199254740993', null, ''];
  const wanted = [{t: values[0], i: 3, b: false, f: -1.5e-9, big: '9007199254740993', nothing: null, empty: ''}];
  for (const name of [undefined, 'n', 'n']) assert.deepEqual(await connection.query({name, text, values}), wanted);
  assert.deepEqual(await connection.query({text: 'SELECT 1 AS one WHERE false'}), []);
  assert.deepEqual(await connection.query({text: 'SET work_mem = 65536'}), []);
});

test('answers of any size come whole', async () => {
  for (const size of [0, 1, 16_000, 70_000, 6_000_000]) {
    const [{t}] = await connection.query({text: "SELECT repeat('é', $1) AS t", values: [size]});
    assert.ok(t === 'é'.repeat(size), `${size}`);
  }
  const rows = await connection.query({name: 'many', text: 'SELECT i, repeat(i::text, 9) AS t FROM generate_series(1, 20000) AS i'});
  assert.ok(rows.length === 20_000 && rows.every(({i, t}, index) => i === index + 1 && t === `${i}`.repeat(9)));
});

test('statements go on after one that failed, prepared ones too', async () => {
  const divide = (by) => connection.query({name: 'divide', text: 'SELECT 1 / $1::int AS result', values: [by]});
  await assert.rejects(divide('x'), {code: '22P02', severity: 'ERROR'}); // prepared, and its values refused
  await assert.rejects(divide(0), {code: '22012', severity: 'ERROR'});
  assert.deepEqual(await divide(1), [{result: 1}]);
  for (let time = 0; time < 2; time += 1) {
    await assert.rejects(connection.query({name: 'wrong', text: 'SELECT nothing'}), {code: '42703'});
    await assert.rejects(connection.query({name: 'late', text: 'SELECT 1 / (3 - i) FROM generate_series(1, 3) AS i'}), {code: '22012'});
  }
  assert.deepEqual(await connection.query({text: 'SELECT 1 AS one'}), [{one: 1}]);
});

test('a connection that ended takes nothing, and says once that it ended', async () => {
  let ended = 0;
  const {port, close} = await server((socket) => socket.destroy());
  const lost = new Connection({host: 'localhost', port, ca, session: {}}, () => (ended += 1));
  await assert.rejects(lost.connect(), {code: 'ECONNRESET'});
  lost.destroy();
  assert.equal(ended, 1);
  await assert.rejects(lost.query({text: 'SELECT 1'}), {code: 'ECONNRESET'});
  await lost.end();
  close();
});

test('without TLS nothing is said', async () => {
  for (const answer of ['N', 'SR\0\0\0\b\0\0\0\0', 'E\0\0\0\0']) {
    const heard = [];
    const {port, close} = await server((socket) => {
      socket.on('data', (chunk) => heard.push(chunk));
      socket.write(answer);
    });
    const lied = new Connection({host: 'localhost', port, user: 'u', password: PASSWORD, database: 'd', ca, session: {}});
    await assert.rejects(lied.connect(), {message: 'The server does not speak TLS'}, answer);
    assert.ok(Buffer.concat(heard).length <= 8, 'the request for TLS alone');
    close();
  }
});

test('a server that cannot prove to know the password is left', async () => {
  const kinds = {ok: 0, cleartext: 3, md5: 5, sasl: 10, challenge: 11, outcome: 12};
  const say = (kind, text = '') => {
    const bytes = Buffer.alloc(9);
    bytes.write('R');
    bytes.writeInt32BE(8 + text.length, 1);
    bytes.writeInt32BE(kind, 5);
    return Buffer.concat([bytes, Buffer.from(text)]);
  };
  const another = /another sign-in/;
  const challenge = (heard) => `${/r=[^,]+$/.exec(heard)?.[0]}more,s=${Buffer.from('salt').toString('base64')},i=4096`;
  const lies = [
    [[() => say(kinds.ok)], another],
    [[() => say(kinds.cleartext)], another],
    [[() => say(kinds.md5, 'salt')], another],
    [[() => say(kinds.sasl, 'SCRAM-SHA-256-PLUS\0\0')], another],
    [[() => say(kinds.sasl, 'SCRAM-SHA-256\0\0'), () => say(kinds.ok)], another],
    [[() => say(kinds.sasl, 'SCRAM-SHA-256\0\0'), () => say(kinds.outcome, 'v=')], /does not know the password/],
    [[() => say(kinds.sasl, 'SCRAM-SHA-256\0\0'), (heard) => say(kinds.challenge, challenge(heard)), () => say(kinds.ok)], another],
    [
      [
        () => say(kinds.sasl, 'SCRAM-SHA-256\0\0'),
        (heard) => say(kinds.challenge, challenge(heard)),
        () => say(kinds.outcome, `v=${randomBytes(32).toString('base64')}`),
      ],
      /does not know the password/,
    ],
  ];
  for (const [answers, message] of lies) {
    const turns = [...answers];
    const heard = [];
    const {port, close} = await server((socket) => {
      socket.once('data', () => {
        socket.write('S');
        const encrypted = new tls.TLSSocket(socket, {isServer: true, secureContext: secure});
        encrypted.on('error', () => {});
        encrypted.on('data', (chunk) => {
          heard.push(chunk);
          encrypted.write(turns.shift()?.(chunk.toString()) ?? '');
        });
      });
    });
    const lied = new Connection({host: 'localhost', port, user: 'u', password: PASSWORD, database: 'd', ca, session: {}});
    await assert.rejects(lied.connect(), {message}, String(message));
    assert.ok(!Buffer.concat(heard).includes(PASSWORD), 'the password stays here');
    close();
  }
});

test('a proof of the password is one by its verifier', () => {
  const salt = randomBytes(16);
  const [, stored, serverKey] = /^SCRAM-SHA-256\$\d+:.+\$(.+):(.+)$/.exec(verifier(PASSWORD, salt));
  const ours = signIn(PASSWORD, 'nonce');
  assert.equal(ours.first, 'n,,n=,r=nonce');
  const challenge = `r=nonce+more,s=${salt.toString('base64')},i=4096`;
  const [bound, shown] = ours.final(challenge).split(',p=');
  assert.equal(bound, 'c=biws,r=nonce+more');
  const hmac = (key, text) => createHmac('sha256', Buffer.from(key, 'base64')).update(text).digest();
  const all = `n=,r=nonce,${challenge},${bound}`;
  const signature = hmac(stored, all);
  const key = Buffer.from(shown, 'base64').map((each, index) => each ^ signature[index]);
  assert.equal(createHash('sha256').update(key).digest('base64'), stored);
  ours.verify(`v=${hmac(serverKey, all).toString('base64')}`);
  assert.throws(() => ours.verify('e=invalid-proof'), /does not know/);
});

test('a challenge for somebody else is refused', () => {
  const salt = 's=c2FsdA==';
  for (const challenge of [`r=nonce,${salt},i=4096`, `r=other,${salt},i=4096`, `r=noncemore,${salt},i=0`, `r=noncemore,${salt},i=9999999`, 'x', `r=noncemore,s=?,i=1`]) {
    assert.throws(() => signIn(PASSWORD, 'nonce').final(challenge), /not for us/, challenge);
  }
});

async function server(each) {
  const sockets = new Set();
  const listening = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    each(socket);
  });
  await new Promise((resolve) => listening.listen(0, 'localhost', resolve));
  return {
    port: listening.address().port,
    close: () => {
      sockets.forEach((socket) => socket.destroy());
      listening.close();
    },
  };
}
