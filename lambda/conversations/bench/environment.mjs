// One execution environment: loads an entry point and invokes it, one event after another, as it is told over its channel.
//     {practise: [route], seconds}  →  {failures}                                  unmeasured
//     {measure: route, seconds}     →  {latencies, failures, processor, memory}    latencies and processor time in milliseconds, bytes
// It says {start, first, startProcessor, firstProcessor, memory} by itself: milliseconds and milliseconds of processor time, from the process's
// start to a loaded module, and for its first request.

import {pathToFileURL} from 'node:url';

const module = await import(pathToFileURL(process.argv[2]));
const handler = module.handler ?? module.default.handler;
const start = performance.now(); // since the process began
const startProcessor = processor();
// Not node:crypto's: what it takes to load that is the handlers' to show.
const hexadecimal = (digits) => Array.from({length: digits}, () => Math.floor(Math.random() * 16).toString(16)).join('');
const randomUUID = () => [8, 4, 4, 4, 12].map(hexadecimal).join('-');
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
const gone = randomUUID(); // so that deletions leave a user's ten conversations alone
const saves = new Map([...ids, gone].map((id) => [id, JSON.stringify({id, title: 'Articles', conversation, embedding})]));
const save = (id) => ['POST', undefined, saves.get(id)];
const ROUTES = {
  list: () => ['GET'],
  save: () => save(next()),
  read: () => ['GET', next()],
  change: () => ['PUT', next(), `{"title":"Turn ${turn}"}`],
  delete: () => ['DELETE', gone],
  near: () => ['GET', undefined, null, {near: next(), limit: '5'}],
};

process.stdout.write = () => true; // logs cost what it takes to make them, and go nowhere

function processor() {
  const {user, system} = process.cpuUsage();
  return (user + system) / 1000;
}

async function invoke([httpMethod, id, body = null, query = null]) {
  const event = {
    httpMethod,
    resource: id ? '/conversations/{uid}/{id}' : '/conversations/{uid}',
    pathParameters: {uid: sub, ...(id ? {id} : {})},
    queryStringParameters: query,
    requestContext: {authorizer: {claims: {sub}}},
    body,
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

async function practise({practise: routes, seconds}) {
  let failures = 0;
  for (const id of ids) if (!(await invoke(save(id)))) failures += 1;
  const end = performance.now() + seconds * 1000;
  for (let count = 0; performance.now() < end; count += 1) {
    const {good} = await request(routes[count % routes.length]);
    if (!good) failures += 1;
  }
  return {failures};
}

async function measure({measure: route, seconds}) {
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

const [begun, busy] = [performance.now(), processor()];
if (!(await invoke(ROUTES.list()))) throw new Error('The first request failed');
const first = performance.now() - begun;
process.send({start, first, startProcessor, firstProcessor: processor() - busy, memory: process.memoryUsage().rss});
process.on('message', async (order) => process.send(await (order.measure ? measure(order) : practise(order))));
process.on('disconnect', () => process.exit(0));
