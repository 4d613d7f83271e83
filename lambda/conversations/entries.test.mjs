// The two entry points as Lambda loads them: configured by the environment alone.

import assert from 'node:assert/strict';
import {execFileSync, spawnSync} from 'node:child_process';
import {test} from 'node:test';
import {LATEST} from './migrations.mjs';
import {draft, emptyDatabase, proxyEvent, serving, sql} from './testing/fixtures.mjs';

test('a deploy migrates, then requests are served', async () => {
  const owner = await emptyDatabase();
  Object.assign(process.env, owner);
  const {handler: migrate} = await import('./migrate.mjs');
  assert.deepEqual((await migrate({action: 'status'}, {awsRequestId: 'r'})).version, 0);
  assert.deepEqual((await migrate({action: 'migrate'}, {})).changed, true);
  assert.deepEqual(await migrate({action: 'migrate'}), {changed: false, version: LATEST, applied: []});
  assert.equal((await migrate({action: 'tls'})).plain, 'refused');
  for (const event of [undefined, {}, {action: 'drop'}]) await assert.rejects(migrate(event), {message: 'action must be one of migrate, status, tls'});

  Object.assign(process.env, serving(owner), {CORS_ORIGIN: 'https://app.example.com'});
  const {handler} = await import('./index.mjs');
  const sub = '0b0e9b4c-6a55-4f0e-9d3a-1f0a3f1f2a3b';
  const answer = await handler(proxyEvent('POST', {uid: sub, sub, body: draft()}), {getRemainingTimeInMillis: () => 15_000});
  assert.equal(answer.statusCode, 201);
  assert.equal(answer.headers['Access-Control-Allow-Origin'], 'https://app.example.com');
  // An entry point keeps its connection as long as it lives, and this process with it.
  await sql(owner, 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1', [owner.APP_DB_USER]);
});

test('without its variables an entry point does not start, and says which', () => {
  for (const [entry, missing] of [['index', 'DB_USER, DB_HOST'], ['migrate', 'DB_USER, DB_HOST, APP_DB_USER, APP_DB_PASSWORD']]) {
    const {status, stderr} = spawnSync(process.execPath, [new URL(`${entry}.mjs`, import.meta.url).pathname], {
      env: {DB_PASSWORD: 'secret', DB_PORT: '5432', DB_NAME: 'n'},
      encoding: 'utf8',
    });
    assert.notEqual(status, 0);
    assert.match(stderr, new RegExp(`not set: ${missing}\\n`));
    assert.doesNotMatch(stderr, /secret/);
  }
});

test('lines of the log are JSON as a whole', async () => {
  const script = `
    const {journal} = await import('${new URL('journal.mjs', import.meta.url)}');
    journal({namespace: 'N'}).request({status: 200, milliseconds: 1, coldStart: true});`;
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', script], {encoding: 'utf8', env: {...process.env, NODE_V8_COVERAGE: undefined}});
  assert.equal(JSON.parse(said).ColdStarts, 1);
  assert.equal(said.trimEnd().split('\n').length, 1);
});
