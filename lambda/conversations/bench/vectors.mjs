// Recall and latency of the nearest conversations: node vectors.mjs '{"queries": 50, "limit": 10, "users": {name: uuid}}', in the
// environment of the serving role. Writes one line of JSON: {name: {recall, p50, p95, exact}}, in milliseconds.

import Client from 'pg/lib/client.js';
import {Database, connectionOptions} from '../database.mjs';
import {near} from '../statements.mjs';

const {queries, limit, users} = JSON.parse(process.argv[2]);
const database = new Database(process.env);
const exact = new Client(connectionOptions(process.env, {statementMilliseconds: 0}));
await exact.connect();
await exact.query('SET enable_indexscan = off'); // an HNSW index has no other scan: what remains is a sort of all

const quantile = (numbers, q) => numbers.toSorted((a, b) => a - b)[Math.floor((numbers.length - 1) * q)];
const bytes = 6e6;

async function timed(run) {
  const started = performance.now();
  const rows = await run();
  return [rows, performance.now() - started];
}

const report = {};
for (const [name, user] of Object.entries(users)) {
  const {rows} = await exact.query('SELECT embedding FROM conversations WHERE user_id = $1 ORDER BY id LIMIT $2', [user, queries]);
  const times = {index: [], exact: []};
  let found = 0;
  let wanted = 0;
  for (const [number, {embedding}] of rows.entries()) {
    const vector = JSON.stringify(JSON.parse(embedding).map((value, index) => value + 0.2 * Math.sin(index * 3.1 + number)));
    const statement = near(user, {embedding: false, near: {vector}, limit}, bytes);
    const [truth, slow] = await timed(async () => (await exact.query(statement)).rows);
    if (number === 0) await database.query(statement);
    const [answer, fast] = await timed(() => database.query(statement));
    const ids = new Set(answer.map(({id}) => id));
    found += truth.filter(({id}) => ids.has(id)).length;
    wanted += truth.length;
    times.exact.push(slow);
    times.index.push(fast);
  }
  report[name] = {
    recall: found / wanted,
    p50: quantile(times.index, 0.5),
    p95: quantile(times.index, 0.95),
    exact: quantile(times.exact, 0.5),
  };
}
await exact.end();
await database.close();
process.stdout.write(`${JSON.stringify(report)}\n`);
