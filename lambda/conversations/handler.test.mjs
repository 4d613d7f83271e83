// The contract, on a real database.

import assert from 'node:assert/strict';
import {randomUUID} from 'node:crypto';
import {after, before, test} from 'node:test';
import {LARGEST_ANSWER} from './requests.mjs';
import {draft, handlerOn, message, migratedDatabase, network, proxyEvent, sql, user, vector} from './testing/fixtures.mjs';

let app;
let handler;
let database;
let lines;
let owner;

before(async () => {
  ({app, owner} = await migratedDatabase());
  ({handler, database, lines} = handlerOn(app));
});
after(() => database.close());

const ids = ({body}) => body.data.map(({id}) => id);

test('a conversation is saved, listed, read, changed and deleted', async () => {
  const {post, list, get, put, remove} = user(handler);
  const first = draft({embedding: vector(1)});
  const made = await post(first);
  assert.equal(made.status, 201);
  assert.equal(made.body.status, 'success');
  assert.equal(made.body.data.id, first.id);

  const one = await get(first.id);
  assert.equal(one.status, 200);
  const {createdAt, updatedAt, ...rest} = one.body.data;
  assert.deepEqual(rest, first);
  assert.equal(createdAt, updatedAt);
  assert.ok(Math.abs(new Date(createdAt) - Date.now()) < 60_000);

  const listed = await list();
  assert.deepEqual(listed.body, {status: 'success', data: [{...first, embedding: undefined, createdAt, updatedAt}].map((row) => JSON.parse(JSON.stringify(row)))});
  assert.deepEqual((await list({embedding: 'true'})).body.data[0].embedding, first.embedding);

  assert.equal((await put(first.id, {title: 'New', userId: randomUUID()})).status, 200);
  const changed = (await get(first.id)).body.data;
  assert.deepEqual({...changed, updatedAt: 0}, {...first, title: 'New', createdAt, updatedAt: 0});
  assert.ok(changed.updatedAt > updatedAt);

  assert.equal((await remove(first.id)).status, 200);
  assert.equal((await get(first.id)).status, 404);
  assert.equal((await remove(first.id)).status, 404);
  assert.equal((await put(first.id, {title: 'x'})).status, 404);
  assert.deepEqual((await list()).body, {status: 'success', data: []});
});

test('the same id replaces, and keeps the time of creation', async () => {
  const {post, get} = user(handler);
  const first = draft({embedding: vector(1)});
  await post(first);
  const {createdAt} = (await get(first.id)).body.data;
  const second = {...draft({title: 'Second', conversation: [message('1'), message('2')]}), id: first.id};
  assert.equal((await post(second)).status, 200);
  const {updatedAt, ...rest} = (await get(first.id)).body.data;
  assert.deepEqual(rest, {...second, createdAt, embedding: null});
  assert.ok(updatedAt > createdAt);
});

test('what was saved last comes first', async () => {
  const {post, put, list} = user(handler);
  const drafts = [draft(), draft(), draft()];
  for (const each of drafts) await post(each);
  const [a, b, c] = drafts.map(({id}) => id);
  assert.deepEqual(ids(await list()), [c, b, a]);
  await post(drafts[0]);
  assert.deepEqual(ids(await list()), [a, c, b]);
  await put(b, {title: 'x'});
  assert.deepEqual(ids(await list()), [b, a, c]);
});

test('a list goes on where it ended', async () => {
  const {post, list} = user(handler);
  const drafts = Array.from({length: 7}, () => draft());
  for (const each of drafts) await post(each);
  const pages = [];
  let next;
  do {
    const page = await list({limit: '3', ...(next ? {after: next} : {})});
    pages.push(ids(page));
    next = page.body.next;
  } while (next);
  assert.deepEqual(pages.map((page) => page.length), [3, 3, 1]);
  assert.deepEqual(pages.flat(), drafts.map(({id}) => id).reverse());
});

test('a list holds what Lambda can return, and says that there is more', async () => {
  const {post, list} = user(handler);
  const drafts = Array.from({length: 5}, () => draft({conversation: [message('"\\é'.repeat(400_000))]}));
  for (const each of drafts) assert.equal((await post(each)).status, 201);
  const seen = [];
  let after_;
  let pages = 0;
  do {
    const page = await list(after_ ? {after: after_} : {});
    assert.ok(Buffer.byteLength(JSON.stringify(page.text)) <= LARGEST_ANSWER);
    seen.push(...page.body.data);
    after_ = page.body.next;
    pages += 1;
  } while (after_);
  assert.ok(pages > 1);
  assert.deepEqual(seen.map(({conversation}) => conversation), drafts.reverse().map(({conversation}) => conversation));
});

test('one conversation as large as Lambda can take comes back whole', async () => {
  const {post, get, list} = user(handler);
  const large = draft({conversation: [message('Ω'.repeat((LARGEST_ANSWER - 3000) / 2))]});
  assert.equal((await post(large)).status, 201);
  assert.deepEqual((await get(large.id)).body.data.conversation, large.conversation);
  assert.equal((await list()).body.data.length, 1);
  const refused = await post(draft({conversation: [message('x'.repeat(LARGEST_ANSWER))]}));
  assert.equal(refused.status, 413);
  assert.equal(refused.body.field, 'conversation');
});

test('any text comes back as it was', async () => {
  const {post, get, list} = user(handler);
  const texts = [
    '', ' ', '"', '\\', '\\u0000', '\u0000', 'a\u0000b', '\u0001\u001f\u007f', '\r\n\t\b\f', '\u2028\u2029\ufeff', '\ufffe\uffff', 'é e\u0301', '漢字',
    '👩‍👩‍👧‍👦', '🇩🇪', '\ud83d', '\ude00', '\ude00\ud83d', 'x'.repeat(49) + '\ud83d', 'שלום مرحبا', '</script>', "'; DROP TABLE conversations; --", '$1 $2', '%s',
    String.fromCodePoint(0x10ffff), '𝕳'.repeat(1000),
  ];
  for (const text of texts) {
    const written = draft({title: text, conversation: [message(text, {role: text, createdAt: text, id: text, more: [text]})]});
    assert.equal((await post(written)).status, 201, JSON.stringify(text));
    const {title, conversation} = (await get(written.id)).body.data;
    assert.deepEqual({title, conversation}, {title: written.title, conversation: written.conversation});
  }
  assert.equal((await list()).body.data.length, texts.length);
});

test('any embedding comes back as it was', async () => {
  const {post, put, get, list} = user(handler);
  const {id} = draft();
  const embeddings = [
    vector(3), vector(3).map(Math.fround), Array(768).fill(0), Array(768).fill(1), Array(768).fill(-3.4e38), Array(768).fill(1e-300),
    Array.from({length: 768}, (_, index) => index * 1e-7), Array(768).fill(1 / 3), null,
  ];
  for (const embedding of embeddings) {
    await post(draft({id, embedding}));
    assert.deepEqual((await get(id)).body.data.embedding, embedding);
    await post(draft({id, embedding}));
    assert.deepEqual((await list({embedding: 'true'})).body.data[0].embedding, embedding);
  }
  for (const embedding of embeddings) {
    await put(id, {embedding});
    assert.deepEqual((await get(id)).body.data.embedding, embedding);
    await put(id, {title: 'kept'});
    assert.deepEqual((await get(id)).body.data.embedding, embedding);
  }
});

test('the nearest conversations of the user, nearest first', async () => {
  const [me, other] = [user(handler), user(handler)];
  const mine = await Promise.all([5, 6, 7, 8].map(async (axis) => {
    const each = draft({embedding: vector(axis)});
    await me.post(each);
    return each;
  }));
  const without = draft();
  await me.post(without);
  await other.post(draft({embedding: vector(6)}));
  const wanted = vector(6).map((value, index) => (index === 7 ? value + 0.5 : value)); // near to 6, then to 7
  const query = {near: Buffer.from(new Float32Array(wanted).buffer).toString('base64url'), limit: '2'};
  const found = await me.list(query);
  assert.deepEqual(ids(found), [mine[1].id, mine[2].id]);
  const distance = (a, b) => {
    const dot = (x, y) => x.reduce((sum, value, index) => sum + value * y[index], 0);
    return 1 - dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
  };
  for (const [index, row] of found.body.data.entries()) assert.ok(Math.abs(row.distance - distance(wanted, mine[index + 1].embedding)) < 1e-5);
  assert.equal(found.body.data[0].embedding, undefined);
  assert.equal(found.body.next, undefined);

  const toStored = await me.list({near: mine[0].id, embedding: 'true'});
  assert.equal(toStored.body.data.length, 3, 'all with an embedding but itself');
  assert.equal(toStored.body.data[0].embedding.length, 768);
  assert.deepEqual((await me.list({near: without.id})).body.data, []);
  assert.deepEqual((await other.list({near: mine[0].id})).body.data, [], "somebody else's conversation is near to nothing");

  await me.post(draft({embedding: Array(768).fill(0)}));
  assert.equal((await me.list({near: mine[0].id})).body.data.at(-1).distance, null);
});

test("somebody else's conversations are as if they were not there", async () => {
  const [alice, mallory] = [user(handler), user(handler)];
  const secret = draft({title: 'Secret', embedding: vector(1)});
  await alice.post(secret);
  const before_ = (await alice.get(secret.id)).text;

  const unknown = await mallory.get(randomUUID());
  assert.equal(unknown.status, 404);
  for (const uid of [alice.sub, randomUUID(), 'me', '', null]) { // known, guessed, nonsense: the same answer
    for (const answer of [
      await mallory.list(undefined, {uid}),
      await mallory.list({near: secret.id}, {uid}),
      await mallory.post(draft({id: secret.id, title: 'Mine now'}), {uid}),
      await mallory.removeAll({uid}),
      await mallory.get(secret.id, {uid}),
      await mallory.put(secret.id, {title: 'Mine now'}, {uid}),
      await mallory.remove(secret.id, {uid}),
    ]) {
      assert.deepEqual([answer.status, answer.text], [404, unknown.text]);
    }
  }
  assert.equal((await mallory.get(secret.id)).text, unknown.text);
  assert.equal((await mallory.put(secret.id, {title: 'Mine now', userId: alice.sub})).text, unknown.text);
  assert.equal((await mallory.remove(secret.id)).text, unknown.text);
  assert.deepEqual((await mallory.removeAll()).body.data, {deleted: 0});
  assert.deepEqual((await mallory.list()).body.data, []);

  assert.equal((await mallory.post(draft({id: secret.id, title: 'Own', userId: alice.sub}))).status, 201, 'the same id is another conversation');
  assert.equal((await alice.get(secret.id)).text, before_);
  assert.equal((await mallory.get(secret.id)).body.data.title, 'Own');
  assert.deepEqual((await mallory.removeAll()).body.data, {deleted: 1});
  assert.equal((await alice.get(secret.id)).text, before_);
});

test('nobody is served without a token', async () => {
  for (const authorizer of [undefined, {}, {claims: {}}, {claims: {sub: ''}}, {claims: {sub: 'admin'}}, {claims: {sub: ['x']}}]) {
    const {status, body} = await user(handler).list(undefined, {requestContext: {authorizer}});
    assert.deepEqual([status, body], [401, {status: 'error', message: 'Sign in first'}]);
  }
});

test('a uid in capitals is the same uid', async () => {
  const me = user(handler);
  const {id} = draft();
  await me.post(draft({id}), {uid: me.sub.toUpperCase()});
  assert.equal((await me.get(id.toUpperCase())).body.data.id, id);
});

test('other paths, other methods, preflight', async () => {
  const me = user(handler);
  const unknown = await me.call('GET', {resource: '/other'});
  assert.deepEqual([unknown.status, unknown.body.status], [404, 'error']);
  for (const [method, id, allow] of [['PUT', undefined, 'GET, POST, DELETE'], ['PATCH', undefined, 'GET, POST, DELETE'], ['POST', randomUUID(), 'GET, PUT, DELETE']]) {
    const answer = await me.call(method, {id});
    assert.deepEqual([answer.status, answer.headers.Allow, answer.body.status], [405, allow, 'error']);
  }
  const preflight = await handler(proxyEvent('OPTIONS', {uid: me.sub}), {});
  assert.equal(preflight.statusCode, 200);
  assert.match(preflight.headers['Access-Control-Allow-Headers'], /Authorization/);
  for (const method of ['GET', 'POST', 'PUT', 'DELETE']) assert.match(preflight.headers['Access-Control-Allow-Methods'], new RegExp(method));
});

test('bad requests name the field, write nothing, and every answer may be read from another origin', async () => {
  const me = user(handler);
  const answers = [
    [await me.post(undefined), 'body'],
    [await me.post(draft({id: 'x'})), 'id'],
    [await me.post(draft({embedding: [1, 2]})), 'embedding'],
    [await me.post(draft({admin: true})), 'admin'],
    [await me.get('not-a-uuid'), 'id'],
    [await me.put('not-a-uuid', {title: 'x'}), 'id'],
    [await me.remove('..'), 'id'],
    [await me.put(randomUUID(), {}), 'body'],
    [await me.list({limit: '0'}), 'limit'],
    [await me.list({near: '1,2,3'}), 'near'],
  ];
  for (const [{status, body, headers}, field] of answers) {
    assert.deepEqual([status, body.status, body.field, typeof body.message], [400, 'error', field, 'string']);
    assert.equal(headers['Access-Control-Allow-Origin'], '*');
    assert.match(headers['Content-Type'], /^application\/json/);
  }
  assert.deepEqual((await me.list()).body.data, []);
});

test('all of a user are deleted, and of nobody else', async () => {
  const [me, other] = [user(handler), user(handler)];
  for (const who of [me, me, other]) await who.post(draft());
  assert.deepEqual((await me.removeAll()).body, {status: 'success', message: 'Deleted', data: {deleted: 2}});
  assert.equal((await other.list()).body.data.length, 1);
});

test('writers of one conversation at once end in one of the written states', async () => {
  const sub = randomUUID();
  const writers = Array.from({length: 8}, () => handlerOn(app));
  const {id} = draft();
  const states = writers.map((_, index) => draft({id, title: `T${index}`, conversation: [message(`C${index}`)], embedding: vector(index)}));
  for (let round = 0; round < 5; round += 1) {
    const results = await Promise.all(writers.map(({handler: each}, index) => user(each, sub).post(states[index])));
    assert.ok(results.every(({status}) => status === 200 || status === 201));
    assert.equal(results.filter(({status}) => status === 201).length, round === 0 ? 1 : 0);
    const {title, conversation, embedding} = (await user(handler, sub).get(id)).body.data;
    const state = states.find((each) => each.title === title);
    assert.deepEqual({title, conversation, embedding}, {title: state.title, conversation: state.conversation, embedding: state.embedding});
  }
  const changes = writers.map(({handler: each}, index) => user(each, sub).put(id, index % 2 ? {title: 'odd'} : {conversation: [message('even')]}));
  assert.ok((await Promise.all(changes)).every(({status}) => status === 200));
  const merged = (await user(handler, sub).get(id)).body.data;
  assert.deepEqual([merged.title, merged.conversation[0].content], ['odd', 'even'], 'changes of different fields do not undo each other');
  await Promise.all(writers.map((each) => each.database.close()));
});

test('every request is one round trip', async () => {
  const net = await network(app);
  const {handler: counted, database: through} = handlerOn({...app, DB_PORT: net.port});
  const me = user(counted);
  await me.list();
  const saved = draft({embedding: vector(1)});
  const requests = {
    post: () => me.post(saved),
    again: () => me.post(saved),
    list: () => me.list(),
    near: () => me.list({near: saved.id}),
    get: () => me.get(saved.id),
    put: () => me.put(saved.id, {title: 'x'}),
    remove: () => me.remove(saved.id),
    removeAll: () => me.removeAll(),
  };
  for (const [name, request] of Object.entries(requests)) {
    const before_ = net.state.roundTrips;
    assert.ok((await request()).status < 300, name);
    assert.equal(net.state.roundTrips - before_, 1, name);
  }
  assert.equal(net.state.connections, 1);
  await through.close();
  net.close();
});

test('a save that leaves the embedding alone writes to no index', async () => {
  const me = user(handler);
  const saved = draft({embedding: vector(1)});
  await me.post(saved);
  for (let turn = 0; turn < 20; turn += 1) await me.post({...saved, title: `Turn ${turn}`});
  const updates = async () => {
    await database.query({text: 'SELECT pg_stat_force_next_flush()'});
    const [row] = await sql(owner, "SELECT n_tup_upd::int AS all, n_tup_hot_upd::int AS hot FROM pg_stat_user_tables WHERE relname = 'conversations'");
    return row;
  };
  const before_ = await updates();
  for (let turn = 0; turn < 20; turn += 1) await me.post({...saved, title: `Turn ${turn}`});
  const now = await updates();
  assert.equal(now.all - before_.all, 20);
  assert.ok(now.hot - before_.hot >= 15, `${now.hot - before_.hot} of 20 were heap-only`);
});

test('the log tells neither who nor what', async () => {
  const me = user(handler);
  const saved = draft({title: 'Confidential', conversation: [message('Confidential')]});
  await me.post(saved);
  await me.get(saved.id);
  await me.post({...saved, title: 5});
  const text = JSON.stringify(lines);
  for (const secret of [me.sub, saved.id, 'Confidential', app.DB_PASSWORD]) assert.ok(!text.includes(secret), secret);
  assert.equal(lines[0].coldStart, true);
  assert.ok(lines.slice(1).every(({coldStart}) => coldStart === false));
});
