// Faults: a clean 503 in bounded time, recovery by itself, nothing written twice or lost.

import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {after, before, test} from 'node:test';
import {Database, Unavailable} from './database.mjs';
import {connected, draft, handlerOn, migratedDatabase, network, sql, user} from './testing/fixtures.mjs';

let owner;
let app;
const open = [];
const TIMES = {connect: 2_000, statement: 1_000, answer: 1_500, total: 4_000}; // machines that run tests are busy

before(async () => {
  ({owner, app} = await migratedDatabase());
});
after(async () => {
  for (const each of open) await each();
});

/** A handler behind a network that can be broken. */
async function behindNetwork(settings = app, times = TIMES) {
  const net = await network(settings);
  const served = handlerOn({...settings, DB_PORT: net.port}, {times});
  open.push(() => served.database.close().catch(() => {}), () => net.close());
  return {net, ...served, me: user(served.handler)};
}

function assertUnavailable(answer, milliseconds = 0) {
  assert.equal(answer.status, 503);
  assert.deepEqual(answer.body, {status: 'error', message: 'The database is not available; try again'});
  assert.equal(answer.headers['Retry-After'], '2');
  assert.equal(answer.headers['Access-Control-Allow-Origin'], '*');
  assert.ok(milliseconds <= TIMES.total + 3_000, `${milliseconds} ms`);
}

async function timed(promise) {
  const started = performance.now();
  const answer = await promise;
  return [answer, performance.now() - started];
}

const endBackends = () => sql(owner, 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1', [owner.APP_DB_USER]);

test('down, then up again', async () => {
  const {net, me, lines} = await behindNetwork();
  assert.equal((await me.post(draft())).status, 201);
  net.state.mode = 'refusing';
  net.cut();
  for (const request of [me.list(), me.post(draft()), me.removeAll()]) assertUnavailable(...(await timed(request)));
  assert.ok(lines.at(-1).code);
  net.state.mode = 'open';
  assert.equal((await me.list()).body.data.length, 1);
});

test('the first request finds no database, the next one does', async () => {
  const {net, me, database} = await behindNetwork();
  net.state.mode = 'refusing';
  database.warm();
  assertUnavailable(...(await timed(me.list())));
  net.state.mode = 'open';
  assert.equal((await me.list()).status, 200);
});

test('a connection that the server ended between requests is replaced unnoticed', async () => {
  const {me, net} = await behindNetwork();
  const saved = draft();
  await me.post(saved);
  for (const request of [() => me.list(), () => me.post(saved), () => me.put(saved.id, {title: 'x'}), () => me.remove(saved.id)]) {
    await endBackends();
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal((await request()).status, 200);
  }
  assert.equal(net.state.connections, 5);
});

test('a statement that the server rolled back is repeated, writes too', async () => {
  const {me} = await behindNetwork(app, {...TIMES, statement: 8_000, answer: 9_000, total: 12_000});
  const saved = draft();
  await me.post(saved);
  const blocker = await connected({...app, DB_USER: owner.DB_USER, DB_PASSWORD: owner.DB_PASSWORD});
  await blocker.query('BEGIN');
  await blocker.query('UPDATE conversations SET title = title WHERE id = $1', [saved.id]);
  const writing = me.put(saved.id, {title: 'written'});
  await waitFor(async () => (await sql(owner, "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND usename = $1", [owner.APP_DB_USER])).length > 0);
  await endBackends(); // as a shutdown does: 57P01 to the waiting statement
  await blocker.query('ROLLBACK');
  assert.equal((await writing).status, 200);
  assert.equal((await me.get(saved.id)).body.data.title, 'written');
  await blocker.end();
});

test('a read whose connection is cut is repeated', async () => {
  const {net, me} = await behindNetwork();
  await me.post(draft());
  net.state.mode = 'mute';
  const reading = me.list();
  await waitFor(() => net.state.muted);
  net.state.mode = 'open';
  net.cut();
  assert.equal((await reading).body.data.length, 1);
  assert.equal(net.state.connections, 2);
});

test('a write whose answer is lost is reported, once done or not at all', async () => {
  const {net, me} = await behindNetwork();
  const saved = draft({title: 'first'});
  await me.post(saved);
  net.state.mode = 'mute';
  const pending = me.post({...saved, title: 'second'});
  await waitFor(() => net.state.muted); // the server has answered, and nobody heard it
  net.cut();
  assertUnavailable(...(await timed(pending)));
  net.state.mode = 'open';
  // Somebody else's later write must not be undone by a repetition of ours.
  await sql({...app}, 'UPDATE conversations SET title = $2 WHERE id = $1', [saved.id, '"third"']);
  const rows = (await me.list()).body.data;
  assert.deepEqual(rows.map(({title}) => title), ['third']);
});

test('a network that swallows everything is given up', async () => {
  const {net, me} = await behindNetwork();
  await me.list();
  net.state.mode = 'silent';
  for (let time = 0; time < 2; time += 1) { // over the old connection, then over a new one
    assertUnavailable(...(await timed(me.list())));
    assertUnavailable(...(await timed(me.post(draft()))));
  }
  net.state.mode = 'open';
  assert.equal((await me.post(draft())).status, 201);
});

test('a slow database is given up, and what it was doing is undone', async () => {
  const {me, lines} = await behindNetwork();
  const saved = draft({title: 'before'});
  await me.post(saved);
  const blocker = await connected({...app, DB_USER: owner.DB_USER, DB_PASSWORD: owner.DB_PASSWORD});
  await blocker.query('BEGIN');
  await blocker.query('LOCK TABLE conversations');
  assertUnavailable(...(await timed(me.put(saved.id, {title: 'after'}))));
  assert.equal(lines.at(-1).code, '57014');
  assertUnavailable(...(await timed(me.list())));
  await blocker.query('ROLLBACK');
  assert.equal((await me.get(saved.id)).body.data.title, 'before');
  await blocker.end();
});

test('less time than usual is kept to', async () => {
  const {net, database} = await behindNetwork();
  net.state.mode = 'silent';
  const started = performance.now();
  await assert.rejects(database.query({text: 'SELECT 1'}, {milliseconds: 200}), Unavailable);
  assert.ok(performance.now() - started < TIMES.connect);
});

test('out of connections, then not', async () => {
  const {me, lines, net} = await behindNetwork();
  await sql(owner, `ALTER ROLE ${owner.APP_DB_USER} CONNECTION LIMIT 0`);
  assertUnavailable(...(await timed(me.list())));
  assert.equal(lines.at(-1).code, '53300');
  assert.ok(net.state.connections > 1, 'tried again');
  const waiting = me.list();
  await sql(owner, `ALTER ROLE ${owner.APP_DB_USER} CONNECTION LIMIT -1`);
  assert.equal((await waiting).status, 200);
});

test('a password that was changed is refused until it is known', async () => {
  const {me, lines, net} = await behindNetwork();
  await sql(owner, `ALTER ROLE ${owner.APP_DB_USER} PASSWORD 'rotated'`);
  assertUnavailable(...(await timed(me.list())));
  assert.equal(lines.at(-1).code, '28P01');
  assert.equal(net.state.connections, 1, 'not tried again: that would lock accounts');
  await sql(owner, `ALTER ROLE ${owner.APP_DB_USER} PASSWORD '${owner.APP_DB_PASSWORD}'`);
  assert.equal((await me.list()).status, 200);
});

test('a connection that was idle for long is replaced before it is used', async () => {
  const {me, net} = await behindNetwork(app, {...TIMES, idle: 50});
  await me.list();
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal((await me.post(draft())).status, 201);
  assert.equal(net.state.connections, 2);
});

test('requests at the same time share the connection', async () => {
  const {me, net} = await behindNetwork();
  const answers = await Promise.all(Array.from({length: 20}, () => me.post(draft())));
  assert.ok(answers.every(({status}) => status === 201));
  assert.equal(net.state.connections, 1);
});

test('the serving role cannot change the schema', async () => {
  const statements = [
    'CREATE TABLE x ()', 'CREATE TEMPORARY TABLE x ()', 'CREATE SCHEMA x', 'ALTER TABLE conversations ADD x int', 'DROP TABLE conversations',
    'TRUNCATE conversations', 'CREATE INDEX ON conversations (title)', 'DROP EXTENSION vector', 'SELECT FROM schema_versions', 'CREATE ROLE x',
  ];
  for (const statement of statements) await assert.rejects(sql(app, statement), {code: '42501'}, statement);
});

test('an error of the statement itself is not hidden as unavailability', async () => {
  const database = new Database(app);
  await assert.rejects(database.query({text: 'SELECT nothing'}), {code: '42703'});
  assert.deepEqual(await database.query({text: 'SELECT 1 AS one'}), [{one: 1}]);
  await database.close();
});

test('only a certificate for the database\'s name or address, by an authority we know, is trusted', async () => {
  assert.equal((await sql({...app, DB_HOST: 'localhost'}, 'SELECT 1')).length, 1);
  assert.equal((await sql({...app, DB_HOST: '127.0.0.1'}, 'SELECT 1')).length, 1);

  const elsewhere = await network(app, '127.0.0.2'); // which the certificate does not name
  const impostor = new Database({...app, DB_HOST: '127.0.0.2', DB_PORT: elsewhere.port});
  await assert.rejects(impostor.query({text: 'SELECT 1'}), {code: 'ERR_TLS_CERT_ALTNAME_INVALID'});
  assert.equal(elsewhere.state.connections, 1, 'not tried again');
  elsewhere.close();

  const script = `
    import {Database} from '${new URL('database.mjs', import.meta.url)}';
    const database = new Database(${JSON.stringify(app)});
    console.log(await database.query({text: 'SELECT 1'}).then(() => 'trusted', ({code}) => code));`;
  const environment = {...process.env, NODE_EXTRA_CA_CERTS: undefined, NODE_V8_COVERAGE: undefined};
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', script], {env: environment, encoding: 'utf8'});
  assert.match(said, /UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|SELF_SIGNED/);
});

async function waitFor(condition) {
  for (let tries = 0; tries < 200; tries += 1) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`waited in vain for ${condition}`);
}
