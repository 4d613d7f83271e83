// What each route does. A route gets the signed-in user, the event, and a function that runs one statement; it returns an answer.

import * as statements from './statements.mjs';
import {conversation, receipt} from './answers.mjs';
import {LARGEST_ANSWER, conversationToChange, conversationToSave, cursorOf, listQuery, uuid} from './requests.mjs';

const READ = {repeatable: true};

async function list({user, event, query, answer}) {
  const wanted = listQuery(event.queryStringParameters);
  const make = wanted.near ? statements.near : statements.list;
  const rows = await query(make(user, wanted, LARGEST_ANSWER), READ);
  const last = rows.at(-1);
  return answer.success(200, {
    data: `[${rows.map((row) => conversation(row, wanted.embedding)).join(',')}]`,
    next: last && Number(last.remaining) > 0 ? cursorOf(last) : undefined,
  });
}

async function save({user, event, query, answer}) {
  const [row] = await query(statements.save(user, conversationToSave(event)));
  return answer.success(row.inserted ? 201 : 200, {message: 'Saved', data: receipt(row)});
}

async function removeAll({user, query, answer}) {
  const [{deleted}] = await query(statements.removeAll(user));
  return answer.success(200, {message: 'Deleted', data: `{"deleted":${deleted}}`});
}

async function read({user, event, query, answer}) {
  const [row] = await query(statements.read(user, uuid(event.pathParameters?.id, 'id')), READ);
  return row ? answer.success(200, {data: conversation(row, true)}) : missing(answer);
}

async function change({user, event, query, answer}) {
  const id = uuid(event.pathParameters?.id, 'id');
  const [row] = await query(statements.change(user, id, conversationToChange(event)));
  return row ? answer.success(200, {message: 'Saved', data: receipt(row)}) : missing(answer);
}

async function remove({user, event, query, answer}) {
  const [row] = await query(statements.remove(user, uuid(event.pathParameters?.id, 'id')));
  return row ? answer.success(200, {message: 'Deleted', data: `{"id":"${row.id}"}`}) : missing(answer);
}

export const missing = (answer) => answer.failure(404, 'There is no such conversation');

/** By resource, as API Gateway names it, and method. */
export const ROUTES = {
  '/conversations/{uid}': {GET: list, POST: save, DELETE: removeAll},
  '/conversations/{uid}/{id}': {GET: read, PUT: change, DELETE: remove},
};
