import assert from 'node:assert/strict';
import {test} from 'node:test';
import {BadRequest, DIMENSIONS, LARGEST_ANSWER, bodyOf, conversationToChange, conversationToSave, listQuery, uuid} from './requests.mjs';

const ID = '0b0e9b4c-6a55-4f0e-9d3a-1f0a3f1f2a3b';
const good = () => ({id: ID, title: 'T', conversation: [{id: 'm', createdAt: 'now', role: 'user', content: 'Hi'}]});
const save = (change) => () => conversationToSave({body: JSON.stringify({...good(), ...change})});
const saveRaw = (body, more) => () => conversationToSave({body, ...more});
const vector = (fill = 0.5) => Array(DIMENSIONS).fill(fill);

function refused(field, status = 400) {
  return (error) => {
    assert.ok(error instanceof BadRequest, String(error));
    assert.equal(error.field, field);
    assert.equal(error.status, status);
    return true;
  };
}

test('bodies that are no JSON objects are refused', () => {
  for (const body of [null, undefined, '', '{', '[]', 'null', '1', '"x"', '{"id": NaN}', "{'id': 1}", '{"embedding": [Infinity]}']) {
    assert.throws(saveRaw(body), refused('body'), String(body));
  }
});

test('a body may come in base64', () => {
  assert.deepEqual(bodyOf({body: Buffer.from('{"é":1}').toString('base64'), isBase64Encoded: true}), {é: 1});
});

test('each required field is required', () => {
  for (const field of ['id', 'title', 'conversation']) assert.throws(save({[field]: undefined}), refused(field));
});

test('wrong types are refused by name', () => {
  const cases = [
    [{id: 7}, 'id'],
    [{id: 'x'}, 'id'],
    [{id: `${ID}0`}, 'id'],
    [{id: null}, 'id'],
    [{title: null}, 'title'],
    [{title: 5}, 'title'],
    [{title: {}}, 'title'],
    [{conversation: '[]'}, 'conversation'],
    [{conversation: {length: 1}}, 'conversation'],
    [{conversation: null}, 'conversation'],
    [{conversation: [null]}, 'conversation[0]'],
    [{conversation: [[]]}, 'conversation[0]'],
    [{conversation: [...good().conversation, {role: 'user'}]}, 'conversation[1].content'],
    [{conversation: [{content: 'x'}]}, 'conversation[0].role'],
    [{conversation: [{role: 1, content: 'x'}]}, 'conversation[0].role'],
    [{conversation: [{role: 'user', content: null}]}, 'conversation[0].content'],
    [{conversation: [{role: 'user', content: 'x', id: {}}]}, 'conversation[0].id'],
    [{conversation: [{role: 'user', content: 'x', createdAt: false}]}, 'conversation[0].createdAt'],
    [{embedding: {}}, 'embedding'],
    [{embedding: 'x'}, 'embedding'],
    [{embedding: []}, 'embedding'],
    [{embedding: vector().slice(1)}, 'embedding'],
    [{embedding: [...vector(), 1]}, 'embedding'],
    [{embedding: vector().with(3, null)}, 'embedding[3]'],
    [{embedding: vector().with(767, '1')}, 'embedding[767]'],
    [{embedding: vector().with(0, 3.5e38)}, 'embedding[0]'],
    [{unknown: 1}, 'unknown'],
  ];
  for (const [change, field] of cases) assert.throws(save(change), refused(field), JSON.stringify(change).slice(0, 80));
});

test('numbers beyond JavaScript are refused, not stored as null', () => {
  assert.throws(saveRaw(`{"id":"${ID}","title":"","conversation":[{"role":"u","content":"","x":1e999}]}`), refused('conversation[0]'));
  assert.throws(saveRaw(`{"id":"${ID}","title":"","conversation":[],"embedding":[${vector('1e999')}]}`), refused('embedding[0]'));
});

test('nesting without end is refused', () => {
  const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`;
  assert.throws(saveRaw(`{"id":"${ID}","title":"","conversation":[{"role":"u","content":"","x":${deep}}]}`), refused('conversation[0]'));
  assert.throws(saveRaw(`{"id":"${ID}","title":"","conversation":${deep}}`), refused('conversation[0]'));
});

test('names of JavaScript are fields as any other', () => {
  assert.throws(saveRaw(`{"__proto__":{"id":"${ID}"},"title":"","conversation":[]}`), refused('__proto__'));
  assert.throws(save({constructor: 1}), refused('constructor'));
  const {conversation} = conversationToSave({body: JSON.stringify({...good(), conversation: [{role: 'u', content: '', toString: 1}]})});
  assert.match(conversation, /"toString":1/);
});

test('what is good is stored as it is', () => {
  const saved = save({title: 'a\u0000\ud83d', embedding: vector(0.1), userId: 'somebody', id: ID.toUpperCase()})();
  assert.equal(saved.id, ID);
  assert.equal(saved.title, '"a\\u0000\\ud83d"');
  assert.deepEqual(JSON.parse(saved.conversation), good().conversation);
  assert.deepEqual(JSON.parse(saved.embedding), vector(0.1));
  assert.equal(saved.size, JSON.stringify(saved.conversation).length);
  assert.equal(save({embedding: null})().embedding, null);
  assert.equal(save({})().embedding, null);
  assert.equal(save({conversation: [{role: 'u', content: '', id: '1', createdAt: '2', more: {a: [1]}}]})().id, ID);
  assert.throws(save({conversation: [{role: 'u', content: '', id: 1}]}), refused('conversation[0].id'));
});

test('conversations that no answer could hold are refused', () => {
  const text = (length, letter = 'a') => ({conversation: [{role: 'u', content: letter.repeat(length)}]});
  assert.ok(save(text(LARGEST_ANSWER - 2000))());
  assert.throws(save(text(LARGEST_ANSWER)), refused('conversation', 413));
  assert.throws(save(text(LARGEST_ANSWER / 3, '"')), refused('conversation', 413)); // a quote takes 4 bytes: \\\"
  assert.throws(save({title: 't'.repeat(LARGEST_ANSWER)}), refused('title', 413));
});

test('a change needs something to change', () => {
  const change = (body) => () => conversationToChange({body: JSON.stringify(body)});
  assert.throws(change({}), refused('body'));
  assert.throws(change({userId: 'x'}), refused('body'));
  assert.throws(change({id: ID, title: 'x'}), refused('id'));
  assert.throws(change({title: null}), refused('title'));
  assert.throws(change({conversation: null}), refused('conversation'));
  for (const userId of ['x', 1, null, ['x']]) assert.deepEqual(change({embedding: null, userId})(), {title: undefined, conversation: undefined, embedding: null, size: undefined});
  assert.equal(change({title: ''})().title, '""');
  assert.equal(change({conversation: []})().conversation, '[]');
});

test('queries', () => {
  assert.deepEqual(listQuery(null), {embedding: false, limit: 1000, after: undefined, near: undefined});
  assert.deepEqual(listQuery({after: `12.${ID}`, limit: '5', embedding: 'true'}), {
    embedding: true,
    limit: 5,
    after: {updated: '12', id: ID},
    near: undefined,
  });
  assert.deepEqual(listQuery({near: ID.toUpperCase()}).near, {id: ID});
  assert.equal(listQuery({near: ID}).limit, 10);
  for (const limit of ['', '0', '-1', '1001', '1e2', '1.5', 'x']) assert.throws(() => listQuery({limit}), refused('limit'), limit);
  for (const embedding of ['', '1', 'TRUE']) assert.throws(() => listQuery({embedding}), refused('embedding'));
  for (const after of ['', 'x', ID, `x.${ID}`, `1.${ID}0`, `12345678901234567.${ID}`]) assert.throws(() => listQuery({after}), refused('after'));
  assert.throws(() => listQuery({near: ID, after: `1.${ID}`}), refused('after'));
});

test('a vector comes as numbers or as base64', () => {
  const floats = Float32Array.from({length: DIMENSIONS}, (_, index) => Math.cos(index));
  const bytes = Buffer.from(floats.buffer);
  const expected = {vector: JSON.stringify([...floats])};
  for (const near of [bytes.toString('base64'), bytes.toString('base64url'), [...floats].join(','), JSON.stringify([...floats])]) {
    assert.deepEqual(listQuery({near}).near, expected);
  }
  const bad = ['', 'x', '1,2', '[1,2', '1,,2', '[]', bytes.subarray(4).toString('base64'), '?'.repeat(4096)];
  for (const near of bad) assert.throws(() => listQuery({near}), refused('near'), near.slice(0, 20));
  const notNumbers = Buffer.from(floats.with(2, NaN).buffer).toString('base64');
  assert.throws(() => listQuery({near: notNumbers}), refused('near[2]'));
  assert.throws(() => listQuery({near: vector('"x"').join(',')}), refused('near[0]'));
  assert.throws(() => listQuery({near: vector(0).join(',')}), refused('near'));
});

test('ids', () => {
  for (const value of [undefined, null, 1, '', `{${ID}}`, ID.replaceAll('-', ''), ` ${ID}`, `${ID}\n`]) {
    assert.throws(() => uuid(value, 'id'), refused('id'));
  }
});
