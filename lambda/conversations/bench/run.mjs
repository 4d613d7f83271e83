// Throughput, latency, processor time and cold start of handlers on one database: each execution environment is a process of its own.
//     node run.mjs '{"subjects": {name: {entry, environment, routes}}, "seconds": 3, "concurrency": [1, 10, 50], "starts": 7,
//                    "practice": 5, "servers": [pid]}'
// Writes one line of JSON: {name: {cold: {…}, routes: {route: {concurrency: {…}}}}}

import {fork} from 'node:child_process';
import {once} from 'node:events';
import {readFileSync, readdirSync} from 'node:fs';

const {subjects, seconds, concurrency, starts, practice, servers} = JSON.parse(process.argv[2]);
const TICK = 10; // milliseconds: the unit of /proc, which no Linux that we meet has otherwise

async function start({entry, environment}) {
  const child = fork(new URL('environment.mjs', import.meta.url), [entry], {env: environment, stdio: ['ignore', 'ignore', 'inherit', 'ipc']});
  const [cold] = await once(child, 'message');
  return {child, cold};
}

async function end(child) {
  const exited = once(child, 'exit');
  child.disconnect();
  await exited;
}

const quantile = (numbers, q) => numbers.toSorted((a, b) => a - b)[Math.min(numbers.length - 1, Math.floor(numbers.length * q))];
const medians = (records) => Object.fromEntries(Object.keys(records[0]).map((key) => [key, quantile(records.map((each) => each[key]), 0.5)]));
const sum = (numbers) => numbers.reduce((total, each) => total + each, 0);

/** Milliseconds of processor time of the database's processes, those that ended included, and of its TLS. */
function serverTime() {
  let ticks = 0;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    let fields;
    try {
      fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ').map(Number);
    } catch {
      continue; // it ended in between
    }
    const [, parent] = fields;
    const [own, ended] = [fields[11] + fields[12], fields[13] + fields[14]];
    if (servers.includes(Number(pid))) ticks += own + ended;
    else if (servers.includes(parent)) ticks += own;
  }
  return ticks * TICK;
}

async function tell(children, order) {
  const answers = children.map((child) => once(child, 'message'));
  for (const child of children) child.send(order);
  return (await Promise.all(answers)).map(([answer]) => answer);
}

async function measure(children, route) {
  const before = serverTime();
  const results = await tell(children, {measure: route, seconds});
  const server = serverTime() - before;
  const latencies = results.flatMap((result) => result.latencies);
  // A deletion is preceded by a save, from which processor time does not tell it.
  const each = (milliseconds) => (route === 'delete' ? undefined : milliseconds / latencies.length);
  return {
    perSecond: (children.length * latencies.length * 1000) / sum(latencies), // while it is invoked
    p50: quantile(latencies, 0.5),
    p95: quantile(latencies, 0.95),
    p99: quantile(latencies, 0.99),
    processor: each(sum(results.map((result) => result.processor))),
    server: each(server),
    failures: sum(results.map((result) => result.failures)),
    memory: Math.max(...results.map((result) => result.memory)),
  };
}

const report = Object.fromEntries(Object.keys(subjects).map((name) => [name, {routes: {}}]));

// In turns, so that what else the machine does slows all of them.
const colds = Object.fromEntries(Object.keys(subjects).map((name) => [name, []]));
for (let count = 0; count < starts; count += 1) {
  for (const [name, subject] of Object.entries(subjects)) {
    const {child, cold} = await start(subject);
    await end(child);
    colds[name].push(cold);
  }
}
for (const [name, all] of Object.entries(colds)) if (all.length) report[name].cold = medians(all);

for (const count of concurrency) {
  for (const [name, {routes, ...subject}] of Object.entries(subjects)) {
    if (!routes.length) continue;
    const children = [];
    for (let index = 0; index < count; index += 1) children.push((await start(subject)).child);
    const practised = await tell(children, {practise: routes, seconds: practice});
    for (const route of routes) {
      report[name].routes[route] ??= {};
      report[name].routes[route][count] = await measure(children, route);
    }
    report[name].practiceFailures = (report[name].practiceFailures ?? 0) + sum(practised.map(({failures}) => failures));
    await Promise.all(children.map(end));
  }
}
process.stdout.write(`${JSON.stringify(report)}\n`);
