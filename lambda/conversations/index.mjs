// Serves conversations: Lambda's entry point `index.handler`. What is done here is done once per execution environment.

import {answers} from './answers.mjs';
import {Database} from './database.mjs';
import {createHandler} from './handler.mjs';
import {journal} from './journal.mjs';
import {DATABASE_SETTINGS, readSettings} from './settings.mjs';

const settings = readSettings([...DATABASE_SETTINGS, 'CORS_ORIGIN', 'METRICS_NAMESPACE']);
const database = new Database(settings);

/** Resolves when the connection is there or could not be made. */
export const ready = database.warm();

export const handler = createHandler({
  database,
  answer: answers(settings.CORS_ORIGIN),
  journal: journal({namespace: settings.METRICS_NAMESPACE, functionName: process.env.AWS_LAMBDA_FUNCTION_NAME}),
});
