// One execution environment: loads an entry point and invokes it, one event after another, as it is told over its channel.
//     {routes, requests}  →  {failures}                                  that many of each, unmeasured
//     {route, seconds}    →  {latencies, failures, processor, memory}    latencies and processor time in milliseconds, bytes
// It says {loaded, first, processor, memory} by itself: milliseconds from the process's start to a loaded module, and to its first answer.

import {randomUUID} from 'node:crypto';
import {pathToFileURL} from 'node:url';

const module = await import(pathToFileURL(process.argv[2]));
const handler = module.handler ?? module.default.handler;
const loaded = performance.now(); // since the process began
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
const save = (id) => ['POST', undefined, {id, title: 'Articles', conversation, embedding}];
const ROUTES = {
  list: () => ['GET'],
  save: () => save(next()),
  read: () => ['GET', next()],
  change: () => ['PUT', next(), {title: `Turn ${turn}`}],
  delete: () => ['DELETE', next()],
  near: () => ['GET', undefined, undefined, {near: next(), limit: '5'}],
};

process.stdout.write = () => true; // logs cost what it takes to make them, and go nowhere

function processor() {
  const {user, system} = process.cpuUsage();
  return (user + system) / 1000;
}

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

async function request(route) {
  const wanted = ROUTES[route]();
  if (route === 'delete') await invoke(save(wanted[1])); // not measured: there must be something to delete
  const begun = performance.now();
  const good = await invoke(wanted);
  return {good, latency: performance.now() - begun};
}

async function practise({routes, requests}) {
  let failures = 0;
  for (const id of ids) if (!(await invoke(save(id)))) failures += 1;
  for (let count = 0; count < requests; count += 1) {
    for (const route of routes) if (!(await request(route)).good) failures += 1;
  }
  return {failures};
}

async function measure({route, seconds}) {
  const latencies = [];
  let failures = 0;
  const busy = processor();
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end) {
    const {good, latency} = await request(route);
    if (!good) failures += 1;
    latencies.push(latency);
  }
  return {latencies, failures, processor: processor() - busy, memory: process.memoryUsage().rss};
}

await invoke(ROUTES.list());
process.send({loaded, first: performance.now(), processor: processor(), memory: process.memoryUsage().rss});
process.on('message', async (order) => process.send(await (order.route ? measure(order) : practise(order))));
process.on('disconnect', () => process.exit(0));
