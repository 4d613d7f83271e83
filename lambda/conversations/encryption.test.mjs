import assert from 'node:assert/strict';
import {once} from 'node:events';
import net from 'node:net';
import {test} from 'node:test';
import {describeEncryption} from './encryption.mjs';
import {emptyDatabase} from './testing/fixtures.mjs';

const message = (type, body) => {
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
};
const ASK_FOR_PASSWORD = message('R', Buffer.from([0, 0, 0, 3]));
const WRONG_PASSWORD = message('E', Buffer.from('SFATAL\0C28P01\0Mpassword authentication failed\0\0'));

/** A server that passes TLS on to the true one, and answers for itself without; what it was told is in `heard`. */
async function lenient(owner) {
  const heard = [];
  const server = net.createServer((client) => {
    client.on('error', () => client.destroy());
    client.once('data', (start) => {
      if (start.length > 8) {
        client.once('data', (password) => {
          heard.push(password.toString());
          client.end(WRONG_PASSWORD);
        });
        client.write(ASK_FOR_PASSWORD);
        return;
      }
      const real = net.connect(Number(owner.DB_PORT), owner.DB_HOST, () => real.write(start));
      real.on('error', () => client.destroy());
      client.pipe(real).pipe(client);
    });
  });
  server.listen(0, 'localhost');
  await once(server, 'listening');
  return {server, heard, settings: {...owner, DB_PORT: String(server.address().port)}};
}

test('a database that insists on TLS is told by protocol, cipher and certificate', async () => {
  const {encrypted, plain} = await describeEncryption(await emptyDatabase());
  assert.match(encrypted.protocol, /^TLSv1\.[23]$/);
  assert.match(encrypted.cipher, /^TLS_/);
  assert.equal(encrypted.authorized, true);
  assert.equal(plain, 'refused');
});

test('one that takes connections without is found out, and not told the password', async () => {
  const owner = await emptyDatabase();
  const {server, heard, settings} = await lenient(owner);
  const {encrypted, plain} = await describeEncryption(settings);
  server.close();
  assert.equal(encrypted.authorized, true);
  assert.equal(plain, 'accepted');
  assert.equal(heard.length, 1);
  assert.ok(!heard[0].includes(owner.DB_PASSWORD));
});

test('one that does not answer is an error', async () => {
  await assert.rejects(describeEncryption({...(await emptyDatabase()), DB_PORT: '1'}), {code: 'ECONNREFUSED'});
});
