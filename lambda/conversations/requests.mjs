// What a request may hold. Everything here is pure: an event's parts in, clean values out, or a BadRequest that names the field.

export const DIMENSIONS = 768; // of nomic-embed-text
const LARGEST_SINGLE = 3.4028234663852886e38; // the largest number of single precision
const DEEPEST = 64; // levels of a message; PostgreSQL's own limit is its stack
const LISTED = 1000;
const NEAREST = 10;

// Lambda takes and returns at most 6 MB, an event and an answer being JSON in which a body is one string.
// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
export const LARGEST_ANSWER = 6 * 1024 * 1024 - 16 * 1024; // less headers and envelope

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const CURSOR = /^(\d{1,16})\.([0-9a-f-]{36})$/i;

export class BadRequest extends Error {
  constructor(message, field, status = 400) {
    super(message);
    this.field = field;
    this.status = status;
  }
}

function refuse(field, message) {
  throw new BadRequest(`${field} ${message}`, field);
}

/** A UUID in lower case, which is how PostgreSQL returns it. */
export function uuid(value, field) {
  if (typeof value !== 'string' || !UUID.test(value)) refuse(field, 'must be a UUID');
  return value.toLowerCase();
}

export const isUuid = (value) => typeof value === 'string' && UUID.test(value);

/** Bytes of a text inside an answer: a string of JSON. */
export const answerBytes = (text) => Buffer.byteLength(JSON.stringify(text));

/** The object in an event's body. */
export function bodyOf({body, isBase64Encoded}) {
  if (typeof body !== 'string' || body === '') refuse('body', 'is missing');
  let parsed;
  try {
    parsed = JSON.parse(isBase64Encoded ? Buffer.from(body, 'base64').toString('utf8') : body);
  } catch {
    refuse('body', 'must be JSON');
  }
  if (!isObject(parsed)) refuse('body', 'must be a JSON object');
  return parsed;
}

/** What POST saves. */
export function conversationToSave(event) {
  const body = bodyOf(event);
  onlyKnown(body, ['id', 'title', 'conversation', 'embedding', 'userId']);
  for (const field of ['id', 'title', 'conversation']) if (body[field] === undefined) refuse(field, 'is missing');
  return fitting({
    id: uuid(body.id, 'id'),
    title: titleText(body.title),
    conversation: conversationText(body.conversation),
    embedding: embeddingText(body.embedding ?? null),
  });
}

/** What PUT changes: fields that are absent stay as they are, and a null embedding is removed. */
export function conversationToChange(event) {
  const body = bodyOf(event);
  const fields = ['title', 'conversation', 'embedding'];
  onlyKnown(body, [...fields, 'userId']); // a client's idea of its user; the token says who it is
  if (fields.every((field) => body[field] === undefined)) refuse('body', `must hold one of ${fields.join(', ')}`);
  return fitting({
    title: body.title === undefined ? undefined : titleText(body.title),
    conversation: body.conversation === undefined ? undefined : conversationText(body.conversation),
    embedding: body.embedding === undefined ? undefined : embeddingText(body.embedding),
  });
}

/** How GET lists: {embedding, limit, after} newest first, or {embedding, limit, near} nearest first. */
export function listQuery(parameters) {
  const {embedding, limit, after, near} = parameters ?? {};
  if (near !== undefined && after !== undefined) refuse('after', 'cannot be used with near');
  return {
    embedding: flag(embedding, 'embedding'),
    limit: count(limit, near === undefined ? LISTED : NEAREST),
    after: after === undefined ? undefined : cursor(after),
    near: near === undefined ? undefined : target(near),
  };
}

export const cursorOf = (row) => `${row.updated}.${row.id}`;

function cursor(text) {
  const [, updated, id] = CURSOR.exec(text) ?? [];
  if (!isUuid(id)) refuse('after', 'must be the `next` of an earlier answer');
  return {updated, id};
}

function flag(text, field) {
  if (text !== undefined && text !== 'true' && text !== 'false') refuse(field, 'must be true or false');
  return text === 'true';
}

function count(text, otherwise) {
  if (text === undefined) return otherwise;
  if (!/^\d{1,4}$/.test(text) || Number(text) < 1 || Number(text) > LISTED) refuse('limit', `must be a number from 1 to ${LISTED}`);
  return Number(text);
}

/**
 * A stored conversation's id; or a vector: numbers with commas between them, in brackets or not, or the base64 of 768 little-endian
 * single-precision numbers (4,096 characters). API Gateway takes 10,240 bytes of request line and headers together, which 768 numbers
 * with all their digits exceed: hence base64.
 * https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html
 */
function target(text) {
  if (isUuid(text)) return {id: text.toLowerCase()};
  const numbers = text.includes(',') ? listed(text) : packed(text);
  checkVector(numbers, 'near');
  if (numbers.every((number) => Math.fround(number) === 0)) refuse('near', 'must not be all zeros: they have no direction');
  return {vector: JSON.stringify(numbers)};
}

function listed(text) {
  try {
    return JSON.parse(text.startsWith('[') ? text : `[${text}]`);
  } catch {
    return refuse('near', 'must be an id, or numbers separated by commas, or base64');
  }
}

function packed(text) {
  const bytes = /^[\w+/-]+={0,2}$/.test(text) ? Buffer.from(text, 'base64') : Buffer.alloc(0);
  if (bytes.length !== DIMENSIONS * 4) refuse('near', `must be an id, or ${DIMENSIONS} numbers`);
  return Array.from({length: DIMENSIONS}, (_, index) => bytes.readFloatLE(index * 4));
}

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

function onlyKnown(body, fields) {
  const unknown = Object.keys(body).find((field) => !fields.includes(field));
  if (unknown !== undefined) throw new BadRequest('There is a field that is not known', unknown.slice(0, 100).toWellFormed());
}

function titleText(title) {
  if (typeof title !== 'string') refuse('title', 'must be a string');
  return JSON.stringify(title);
}

function conversationText(conversation) {
  if (!Array.isArray(conversation)) refuse('conversation', 'must be an array');
  conversation.forEach(checkMessage);
  return JSON.stringify(conversation);
}

const MESSAGE_TEXTS = new Set(['id', 'createdAt', 'role', 'content']);

// Messages are the client's: fields beyond those that matter here are stored as they are.
function checkMessage(message, index) {
  const field = `conversation[${index}]`;
  if (!isObject(message)) refuse(field, 'must be an object');
  for (const name of ['role', 'content']) if (message[name] === undefined) refuse(`${field}.${name}`, 'is missing');
  for (const [name, value] of Object.entries(message)) {
    if (MESSAGE_TEXTS.has(name) && typeof value !== 'string') refuse(`${field}.${name}`, 'must be a string');
    if (!storable(value, DEEPEST)) refuse(field, `is nested more than ${DEEPEST} levels deep, or holds a number that is too large`);
  }
}

function storable(value, levels) {
  if (typeof value === 'number') return Number.isFinite(value); // JSON's 1e999 is read as infinity
  if (typeof value !== 'object' || value === null) return true;
  return levels > 0 && Object.values(value).every((each) => storable(each, levels - 1));
}

function embeddingText(embedding) {
  if (embedding === null) return null;
  if (!Array.isArray(embedding)) refuse('embedding', 'must be an array or null');
  checkVector(embedding, 'embedding');
  return JSON.stringify(embedding);
}

function checkVector(numbers, field) {
  if (numbers.length !== DIMENSIONS) refuse(field, `must hold ${DIMENSIONS} numbers`);
  const wrong = numbers.findIndex((number) => typeof number !== 'number' || !(Math.abs(number) <= LARGEST_SINGLE));
  if (wrong >= 0) refuse(`${field}[${wrong}]`, 'must be a number of single precision');
}

function fitting(fields) {
  const {title, conversation, embedding} = fields;
  const size = conversation && answerBytes(conversation);
  if ((size ?? 0) + (title ? 2 * title.length * 3 : 0) > LARGEST_ANSWER - (embedding?.length ?? 0) - 1024) {
    throw new BadRequest('The conversation is too large', title && title.length > (size ?? 0) ? 'title' : 'conversation', 413);
  }
  return {...fields, size};
}
