// How the database is spoken to, and whether it would answer otherwise: nobody outside its network can see it.

import {randomUUID} from 'node:crypto';
import Client from 'pg/lib/client.js';
import {connectionOptions} from './database.mjs';

/** {encrypted: {protocol, cipher, authorized}, plain: 'refused' | 'accepted'}; rejects where the database does not answer. */
export async function describeEncryption(settings) {
  const [encrypted, plain] = await Promise.all([encryptedWay(settings), plainWay(settings)]);
  return {encrypted, plain};
}

async function encryptedWay(settings) {
  const client = await connected(connectionOptions(settings, {application: 'conversations-tls'}));
  const {stream} = client.connection;
  const way = {protocol: stream.getProtocol(), cipher: stream.getCipher().standardName, authorized: stream.authorized};
  await client.end();
  return way;
}

// With a password that is nobody's: a server that takes such connections asks for it, and the true one must not travel so.
async function plainWay(settings) {
  const options = connectionOptions({...settings, DB_PASSWORD: randomUUID()}, {application: 'conversations-tls'});
  try {
    const client = await connected({...options, ssl: false});
    await client.end();
    return 'accepted';
  } catch (error) {
    if (error.code === '28P01') return 'accepted'; // but for the password
    // https://www.postgresql.org/docs/current/client-authentication-problems.html
    if (error.code === '28000' && error.message.includes('pg_hba.conf')) return 'refused';
    throw error;
  }
}

async function connected(options) {
  const client = new Client({...options, connectionTimeoutMillis: 10_000});
  client.on('error', () => {}); // told by what waits for it
  try {
    await client.connect();
  } catch (error) {
    client.connection.stream.destroy();
    throw error;
  }
  return client;
}
