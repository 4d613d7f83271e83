import assert from 'node:assert/strict';
import {test} from 'node:test';
import {migrate} from './migration.mjs';
import {LATEST, MIGRATIONS} from './migrations.mjs';
import {draft, emptyDatabase, handlerOn, serving, sql, user, vector} from './testing/fixtures.mjs';

const UNCHANGED = {changed: false, version: LATEST, applied: []};
const ALL = [...MIGRATIONS.map(({version, name}) => `schema ${version}: ${name}`), 'role', 'rights on conversations', 'rights on the database'];

/** What a database holds of ours, for comparison. */
async function shape(owner) {
  const [columns, indexes, versions] = await Promise.all([
    sql(owner, "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2"),
    sql(owner, "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"),
    sql(owner, "SELECT to_regclass('schema_versions')::text AS known"),
  ]);
  return {columns, indexes, versions};
}

test('an empty database is brought up to date once', async () => {
  const owner = await emptyDatabase();
  const empty = await shape(owner);
  assert.deepEqual(await migrate(owner, {dryRun: true}), {changed: true, version: 0, applied: ALL});
  assert.deepEqual(await shape(owner), empty, 'a dry run does nothing');
  assert.deepEqual(await migrate(owner), {changed: true, version: LATEST, applied: ALL});
  const done = await shape(owner);
  assert.deepEqual(await migrate(owner), UNCHANGED);
  assert.deepEqual(await migrate(owner, {dryRun: true}), UNCHANGED);
  assert.deepEqual(await shape(owner), done);
  assert.ok(done.indexes.some(({indexdef}) => /hnsw \(embedding vector_cosine_ops\)/.test(indexdef)));
  assert.ok(done.indexes.some(({indexdef}) => /conversations.*\(user_id, id\)/.test(indexdef)));
});

test('many at once do it once', async () => {
  const owner = await emptyDatabase();
  const results = await Promise.all(Array.from({length: 6}, () => migrate(owner)));
  assert.equal(results.filter(({changed}) => changed).length, 1);
  assert.ok(results.every(({version}) => version === LATEST));
  assert.deepEqual(await migrate(owner), UNCHANGED);
});

test('a database of each earlier version is brought up to date, with what it holds', async () => {
  for (const {version} of MIGRATIONS.slice(0, -1)) {
    const owner = await emptyDatabase();
    await migrate(owner, {migrations: MIGRATIONS.filter((each) => each.version <= version)});
    const served = handlerOn(serving(owner));
    const me = user(served.handler);
    const saved = draft({embedding: vector(1)});
    assert.equal((await me.post(saved)).status, 201);
    const applied = MIGRATIONS.filter((each) => each.version > version).map((each) => `schema ${each.version}: ${each.name}`);
    assert.deepEqual(await migrate(owner), {changed: true, version: LATEST, applied});
    assert.deepEqual((await me.get(saved.id)).body.data.embedding, saved.embedding);
    await served.database.close();
  }
});

test('a migration that fails leaves nothing behind', async () => {
  const owner = await emptyDatabase();
  const empty = await shape(owner);
  const broken = [...MIGRATIONS, {version: LATEST + 1, name: 'broken', statements: ['CREATE TABLE half ()', 'SELECT nonsense']}];
  await assert.rejects(migrate(owner, {migrations: broken}), {code: '42703'});
  assert.deepEqual(await shape(owner), empty);
  assert.equal((await migrate(owner)).version, LATEST);
});

test('a database of a later version is left as it is', async () => {
  const owner = await emptyDatabase();
  await migrate(owner, {migrations: [...MIGRATIONS, {version: LATEST + 1, name: 'later', statements: ['SELECT 1']}]});
  assert.deepEqual(await migrate(owner), {...UNCHANGED, version: LATEST + 1});
});

test('a rotated password is set, while connections go on', async () => {
  const owner = await emptyDatabase();
  await migrate(owner);
  const served = handlerOn(serving(owner));
  const me = user(served.handler);
  await me.post(draft());
  const rotated = {...owner, APP_DB_PASSWORD: 'another one'};
  assert.deepEqual(await migrate(rotated, {dryRun: true}), {changed: true, version: LATEST, applied: ['password']});
  assert.equal((await sql(serving(owner), 'SELECT 1')).length, 1);
  assert.deepEqual(await migrate(rotated), {changed: true, version: LATEST, applied: ['password']});
  assert.deepEqual(await migrate(rotated), UNCHANGED);
  await assert.rejects(sql(serving(owner), 'SELECT 1'), {code: '28P01'});
  assert.equal((await sql(serving(rotated), 'SELECT 1')).length, 1);
  assert.equal((await me.list()).status, 200);
  await served.database.close();
});

test('rights that were changed by hand are put right', async () => {
  const owner = await emptyDatabase();
  await migrate(owner);
  await sql(owner, `GRANT TRUNCATE ON conversations TO ${owner.APP_DB_USER}`);
  assert.deepEqual(await migrate(owner), {changed: true, version: LATEST, applied: ['rights on conversations']});
  await sql(owner, `REVOKE INSERT ON conversations FROM ${owner.APP_DB_USER}`);
  await sql(owner, 'GRANT CREATE ON SCHEMA public TO PUBLIC');
  assert.deepEqual((await migrate(owner)).applied, ['rights on conversations', 'rights on the database']);
  assert.deepEqual(await migrate(owner), UNCHANGED);
});

test('a database that cannot be reached is an error, not a change', async () => {
  const owner = await emptyDatabase();
  await assert.rejects(migrate({...owner, DB_PASSWORD: 'wrong'}), {code: '28P01'});
  await assert.rejects(migrate({...owner, DB_PORT: '1'}), {code: 'ECONNREFUSED'});
});
