// Brings the schema up to date when a deploy asks for it: Lambda's entry point `migrate.handler`.

import {migrate} from './migration.mjs';
import {DATABASE_SETTINGS, readSettings} from './settings.mjs';

const settings = readSettings([...DATABASE_SETTINGS, 'APP_DB_USER', 'APP_DB_PASSWORD']);
const ACTIONS = ['migrate', 'status'];

/** {action: migrate | status} → {changed, version, applied}; `status` says what `migrate` would do. */
export async function handler(event, context) {
  const action = event?.action;
  if (!ACTIONS.includes(action)) throw new Error(`action must be one of ${ACTIONS.join(', ')}`);
  const result = await migrate(settings, {dryRun: action === 'status'});
  process.stdout.write(`${JSON.stringify({level: 'INFO', message: action, requestId: context?.awsRequestId, ...result})}\n`);
  return result;
}
