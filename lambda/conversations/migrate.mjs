// Brings the schema up to date when a deploy asks for it: Lambda's entry point `migrate.handler`.

import {describeEncryption} from './encryption.mjs';
import {migrate} from './migration.mjs';
import {DATABASE_SETTINGS, readSettings} from './settings.mjs';

const settings = readSettings([...DATABASE_SETTINGS, 'APP_DB_USER', 'APP_DB_PASSWORD']);
const ACTIONS = {
  migrate: () => migrate(settings),
  status: () => migrate(settings, {dryRun: true}),
  tls: () => describeEncryption(settings),
};

/**
 * {action: migrate | status} → {changed, version, applied}; `status` says what `migrate` would do.
 * {action: tls} → {encrypted, plain}: how the database is spoken to.
 */
export async function handler(event, context) {
  const action = event?.action;
  if (!Object.hasOwn(ACTIONS, action)) throw new Error(`action must be one of ${Object.keys(ACTIONS).join(', ')}`);
  const result = await ACTIONS[action]();
  process.stdout.write(`${JSON.stringify({level: 'INFO', message: action, requestId: context?.awsRequestId, ...result})}\n`);
  return result;
}
