// Throughput and latency of the function beside the baseline, on one database: each execution environment is a process of its own.
//     node run.mjs '{"function": {entry, environment}, "baseline": {entry, environment}, "seconds": 3, "concurrency": [1, 10, 50]}'
// Writes one line of JSON: {function: {cold: […], routes: {route: {concurrency: {…}}}}, baseline: …}

import {fork} from 'node:child_process';
import {once} from 'node:events';

const {seconds, concurrency, starts, ...subjects} = JSON.parse(process.argv[2]);
const ROUTES = {function: ['list', 'save', 'read', 'change', 'delete', 'near'], baseline: ['list', 'save', 'read', 'change', 'delete']};

async function start({entry, environment}) {
  const child = fork(new URL('environment.mjs', import.meta.url), [entry], {env: environment, stdio: ['ignore', 'ignore', 'inherit', 'ipc']});
  const [cold] = await once(child, 'message');
  return {child, cold};
}

const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))];
const median = (numbers) => quantile(numbers.toSorted((a, b) => a - b), 0.5);

async function route(children, name) {
  const answers = children.map((child) => once(child, 'message'));
  for (const child of children) child.send({route: name, seconds});
  const results = (await Promise.all(answers)).map(([result]) => result);
  const latencies = results.flatMap((result) => result.latencies).sort((a, b) => a - b);
  return {
    perSecond: (children.length * latencies.length * 1000) / latencies.reduce((sum, each) => sum + each, 0), // while it is invoked
    p50: quantile(latencies, 0.5),
    p95: quantile(latencies, 0.95),
    p99: quantile(latencies, 0.99),
    failures: results.reduce((sum, result) => sum + result.failures, 0),
    memory: Math.max(...results.map((result) => result.memory)),
  };
}

const report = {};
for (const [name, subject] of Object.entries(subjects)) {
  const colds = [];
  for (let count = 0; count < starts; count += 1) {
    const {child, cold} = await start(subject);
    child.disconnect();
    colds.push(cold);
  }
  const cold = {started: median(colds.map((each) => each.started)), first: median(colds.map((each) => each.first)), memory: median(colds.map((each) => each.memory))};
  report[name] = {cold, routes: {}};
}
for (const count of concurrency) {
  for (const [name, subject] of Object.entries(subjects)) {
    const children = [];
    for (let index = 0; index < count; index += 1) children.push((await start(subject)).child);
    for (const each of ROUTES[name]) {
      report[name].routes[each] ??= {};
      report[name].routes[each][count] = await route(children, each);
    }
    for (const child of children) child.disconnect();
  }
}
process.stdout.write(`${JSON.stringify(report)}\n`);
