// For tests: databases of their own on the server that TEST_DATABASE names, events as API Gateway sends them, and a network to break.

import net from 'node:net';
import {randomBytes, randomUUID} from 'node:crypto';
import Client from 'pg/lib/client.js';
import {answers} from '../answers.mjs';
import {Database, connectionOptions} from '../database.mjs';
import {createHandler} from '../handler.mjs';
import {migrate} from '../migration.mjs';

/** {host, port, user, password} of a server on which the user may create databases and roles. */
const server = JSON.parse(process.env.TEST_DATABASE);

/** Settings of a new, empty database with a serving role that does not exist yet. */
export async function emptyDatabase() {
  const name = `test_${randomBytes(6).toString('hex')}`;
  const owner = {
    DB_HOST: server.host,
    DB_PORT: String(server.port),
    DB_USER: server.user,
    DB_PASSWORD: server.password,
    DB_NAME: name,
    APP_DB_USER: `app_${name}`,
    APP_DB_PASSWORD: randomBytes(12).toString('hex'),
  };
  await sql({...owner, DB_NAME: 'postgres'}, `CREATE DATABASE ${name}`);
  return owner;
}

export async function migratedDatabase() {
  const owner = await emptyDatabase();
  await migrate(owner);
  return {owner, app: serving(owner)};
}

export const serving = ({APP_DB_USER, APP_DB_PASSWORD, ...owner}) => ({...owner, DB_USER: APP_DB_USER, DB_PASSWORD: APP_DB_PASSWORD});

/** Rows of one statement, on a connection of its own. */
export async function sql(settings, text, values) {
  const client = await connected(settings);
  try {
    return (await client.query(text, values)).rows;
  } finally {
    await client.end();
  }
}

export async function connected(settings) {
  const client = new Client(connectionOptions(settings, {application: 'test'}));
  client.on('error', () => {});
  await client.connect();
  return client;
}

/** The handler on a database, with what it logs in `lines`. */
export function handlerOn(settings, {times, origin = '*'} = {}) {
  const database = new Database(settings, times);
  const lines = [];
  const journal = {request: (line) => lines.push(line)};
  const handler = createHandler({database, answer: answers(origin), journal});
  return {handler, database, lines};
}

/** A signed-in user of a handler: `user.post(body)` → {status, headers, body}. */
export function user(handler, sub = randomUUID()) {
  const call = async (httpMethod, {id, body, query, uid = sub, ...more} = {}) => {
    const event = proxyEvent(httpMethod, {uid, id, body, query, sub, ...more});
    const answer = await handler(event, {awsRequestId: randomUUID(), getRemainingTimeInMillis: () => 15_000});
    return {status: answer.statusCode, headers: answer.headers, body: JSON.parse(answer.body), text: answer.body};
  };
  return {
    sub,
    call,
    list: (query, more) => call('GET', {query, ...more}),
    post: (body, more) => call('POST', {body, ...more}),
    removeAll: (more) => call('DELETE', more),
    get: (id, more) => call('GET', {id, ...more}),
    put: (id, body, more) => call('PUT', {id, body, ...more}),
    remove: (id, more) => call('DELETE', {id, ...more}),
  };
}

/** https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html#api-gateway-simple-proxy-for-lambda-input-format */
export function proxyEvent(httpMethod, {uid, id, body, query, sub, raw, ...more}) {
  const text = raw ?? (body === undefined ? null : JSON.stringify(body));
  return {
    resource: id === undefined ? '/conversations/{uid}' : '/conversations/{uid}/{id}',
    path: id === undefined ? `/conversations/${uid}` : `/conversations/${uid}/${id}`,
    httpMethod,
    headers: {'Content-Type': 'application/json', Authorization: 'Bearer …'},
    queryStringParameters: query ?? null,
    multiValueQueryStringParameters: null,
    pathParameters: id === undefined ? {uid} : {uid, id},
    stageVariables: null,
    requestContext: {requestId: randomUUID(), stage: 'v1', ...(sub ? {authorizer: {claims: {sub}}} : {})},
    body: text,
    isBase64Encoded: false,
    ...more,
  };
}

export const message = (content, more = {}) => ({id: randomUUID(), createdAt: '2025-01-02T03:04:05.678Z', role: 'user', content, ...more});

export function draft(more = {}) {
  return {id: randomUUID(), title: 'A title', conversation: [message('Hello')], ...more};
}

/** A vector that points mostly along one axis, in numbers that single precision does not hold exactly. */
export const vector = (axis, noise = 0.1) => Array.from({length: 768}, (_, index) => (index === axis ? 1 : 0) + noise * Math.sin(index * 7.3 + axis));

/**
 * A network between function and database that can be told to fail. `state.mode`: open; refusing connections; silent, which swallows all
 * that is sent either way; mute, which swallows answers alone and tells by `state.muted` that there was one.
 */
export async function network({DB_HOST, DB_PORT}, address = '127.0.0.1') {
  const state = {mode: 'open', muted: false, roundTrips: 0, connections: 0};
  const pairs = new Set();
  const proxy = net.createServer((near) => {
    state.connections += 1;
    if (state.mode === 'refusing') return near.destroy();
    const far = net.connect({host: DB_HOST, port: Number(DB_PORT)});
    const pair = [near, far];
    pairs.add(pair);
    let asked = false;
    const end = () => {
      pair.forEach((socket) => socket.destroy());
      pairs.delete(pair);
    };
    for (const socket of pair) socket.on('error', end).on('close', end);
    near.on('data', (chunk) => {
      if (state.mode === 'silent') return;
      asked = true;
      far.write(chunk);
    });
    far.on('data', (chunk) => {
      if (asked) state.roundTrips += 1;
      asked = false;
      if (state.mode !== 'silent' && state.mode !== 'mute') near.write(chunk);
      else if (state.mode === 'mute') state.muted = true;
    });
    return undefined;
  });
  await new Promise((resolve) => proxy.listen(0, address, resolve));
  return {
    state,
    port: String(proxy.address().port),
    cut: () => pairs.forEach((pair) => pair.forEach((socket) => socket.resetAndDestroy())),
    close: () => {
      pairs.forEach((pair) => pair.forEach((socket) => socket.destroy()));
      proxy.close();
    },
  };
}
