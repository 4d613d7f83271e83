// One execution environment: loads an entry point and invokes it, one event after another, as it is told over its channel.
//     {route, seconds}  →  {latencies: [milliseconds], failures}
// It says {started: milliseconds, first: milliseconds} by itself: from the process's start to a loaded module, and to its first answer.

import {randomUUID} from 'node:crypto';
import {pathToFileURL} from 'node:url';

const loaded = await import(pathToFileURL(process.argv[2]));
const handler = loaded.handler ?? loaded.default.handler;
const started = performance.now(); // since the process began
const sub = randomUUID();
const ids = Array.from({length: 10}, () => randomUUID());
const embedding = Array.from({length: 768}, (_, index) => Math.fround(Math.sin(index * 1.7 + ids[0].charCodeAt(0))));
const conversation = Array.from({length: 20}, (_, index) => ({
  id: randomUUID(),
  createdAt: new Date(index * 1e9).toISOString(),
  role: index % 2 ? 'assistant' : 'user',
  content: `Could you explain "articles" (turn ${index})?\n`.repeat(10),
}));

let turn = 0;
const next = () => ids[turn++ % ids.length];
const save = (id, more = {}) => ['POST', undefined, {id, title: 'Articles', conversation, embedding, ...more}];
const ROUTES = {
  list: () => ['GET'],
  save: () => save(next()),
  read: () => ['GET', next()],
  change: () => ['PUT', next(), {title: `Turn ${turn}`}],
  delete: () => ['DELETE', next()],
  near: () => ['GET', undefined, undefined, {near: next(), limit: '5'}],
};

process.stdout.write = () => true; // logs cost what it takes to make them, and go nowhere

async function invoke([httpMethod, id, body, query]) {
  const event = {
    httpMethod,
    resource: id ? '/conversations/{uid}/{id}' : '/conversations/{uid}',
    pathParameters: {uid: sub, ...(id ? {id} : {})},
    queryStringParameters: query ?? null,
    requestContext: {authorizer: {claims: {sub}}},
    body: body ? JSON.stringify(body) : null,
  };
  const answer = await handler(event, {awsRequestId: 'bench', getRemainingTimeInMillis: () => 15_000});
  return answer.statusCode < 300;
}

async function fill() {
  for (const id of ids) await invoke(save(id));
}

async function measure({route, seconds}) {
  await fill();
  const latencies = [];
  let failures = 0;
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end) {
    const event = ROUTES[route]();
    if (route === 'delete') await invoke(save(event[1])); // not measured: there must be something to delete
    const begun = performance.now();
    if (!(await invoke(event))) failures += 1;
    latencies.push(performance.now() - begun);
  }
  return {latencies, failures, memory: process.memoryUsage().rss};
}

await invoke(ROUTES.list());
process.send({started, first: performance.now(), memory: process.memoryUsage().rss});
process.on('message', async (order) => process.send(await measure(order)));
process.on('disconnect', () => process.exit(0));
