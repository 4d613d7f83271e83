// An API Gateway for tests, no more than what the handler sees of one: HTTP in, a proxy event to an entry point, its answer out. Whoever
// calls is the user whose sub the Authorization header holds. Prints its port; ends when its standard input does.
//
//     node adapter.mjs ENTRY    with the entry's own environment; ENTRY is index.mjs or a bundle's index.mjs

import http from 'node:http';
import {randomUUID} from 'node:crypto';
import {pathToFileURL} from 'node:url';

const {handler} = await import(pathToFileURL(process.argv[2]));
const LARGEST = 10 * 1024 * 1024;
const PATH = /^\/conversations\/([^/]+)(?:\/([^/]+))?$/;

const server = http.createServer(async (request, response) => {
  try {
    const body = await read(request);
    const event = eventOf(request, body);
    const until = performance.now() + 15_000;
    const context = {awsRequestId: randomUUID(), getRemainingTimeInMillis: () => until - performance.now()};
    // What passes between Lambda and its callers is JSON.
    const answer = JSON.parse(JSON.stringify(await handler(JSON.parse(JSON.stringify(event)), context)));
    response.writeHead(answer.statusCode, answer.headers).end(answer.body);
  } catch (error) {
    response.writeHead(502, {'Content-Type': 'text/plain'}).end(String(error.stack));
  }
});

async function read(request) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > LARGEST) throw new Error('too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function eventOf(request, body) {
  const url = new URL(request.url, 'http://localhost');
  const [, uid, id] = PATH.exec(url.pathname) ?? [];
  const resource = id === undefined ? '/conversations/{uid}' : '/conversations/{uid}/{id}';
  const query = Object.fromEntries(url.searchParams);
  const sub = request.headers.authorization?.replace(/^Bearer /, '');
  return {
    resource: uid === undefined ? '/{proxy+}' : resource,
    path: url.pathname,
    httpMethod: request.method,
    headers: request.headers,
    multiValueHeaders: null,
    queryStringParameters: Object.keys(query).length ? query : null,
    multiValueQueryStringParameters: null,
    pathParameters: uid === undefined ? null : {uid: decoded(uid), ...(id === undefined ? {} : {id: decoded(id)})},
    stageVariables: null,
    requestContext: {requestId: randomUUID(), stage: 'test', httpMethod: request.method, ...(sub ? {authorizer: {claims: {sub}}} : {})},
    body: body === '' ? null : body,
    isBase64Encoded: false,
  };
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

server.listen(0, '127.0.0.1', () => process.stderr.write(`${server.address().port}\n`));
process.stdin.resume().on('end', () => process.exit(0));
