// From an event of API Gateway's proxy integration to its answer: who asks, for what, and what comes of failures.

import {Unavailable} from './database.mjs';
import {traceOf} from './journal.mjs';
import {BadRequest, isUuid} from './requests.mjs';
import {ROUTES, missing} from './routes.mjs';

const RETRY_SECONDS = '2';
const RESERVE = 1_000; // milliseconds before Lambda ends the request, for the answer

export function createHandler({database, answer, journal, now = () => performance.now()}) {
  let coldStart = true;

  return async function handler(event, context) {
    const started = now();
    const result = await answerTo(event, context);
    journal.request({
      requestId: context?.awsRequestId,
      apiRequestId: event?.requestContext?.requestId,
      method: event?.httpMethod,
      route: Object.hasOwn(ROUTES, event?.resource) ? event.resource : 'unknown',
      status: result.answer.statusCode,
      milliseconds: now() - started,
      coldStart,
      code: result.code,
      trace: result.trace,
    });
    coldStart = false;
    return result.answer;
  };

  async function answerTo(event, context) {
    try {
      return {answer: await dispatch(event, context)};
    } catch (error) {
      if (error instanceof BadRequest) {
        return {answer: answer.failure(error.status, error.message, {field: error.field})};
      }
      if (error instanceof Unavailable) {
        const headers = {'Retry-After': RETRY_SECONDS};
        return {answer: answer.failure(503, 'The database is not available; try again', {headers}), code: error.code};
      }
      return {answer: answer.failure(500, 'Something went wrong here'), code: error?.code ?? error?.name, trace: traceOf(error)};
    }
  }

  async function dispatch(event, context) {
    if (event?.httpMethod === 'OPTIONS') return answer.preflight();
    if (!Object.hasOwn(ROUTES, event?.resource)) return answer.failure(404, 'There is no such path');
    const methods = ROUTES[event.resource];
    if (!Object.hasOwn(methods, event.httpMethod)) {
      return answer.failure(405, 'There is no such method', {headers: {Allow: Object.keys(methods).join(', ')}});
    }
    const user = signedIn(event);
    if (!user) return answer.failure(401, 'Sign in first');
    // Somebody else's conversations answer as if they were not there.
    if (event.pathParameters?.uid?.toLowerCase() !== user) return missing(answer);

    const milliseconds = timeLeft(context);
    const query = (statement, options) => database.query(statement, {...options, milliseconds});
    return methods[event.httpMethod]({user, event, query, answer});
  }
}

/** The `sub` of the token that API Gateway has verified. */
function signedIn(event) {
  const sub = event.requestContext?.authorizer?.claims?.sub;
  return isUuid(sub) ? sub.toLowerCase() : undefined;
}

const timeLeft = (context) => (context?.getRemainingTimeInMillis?.() ?? Infinity) - RESERVE;
