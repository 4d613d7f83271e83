// Brings a database up to date: schema, role, password, rights. Each step looks first and acts where something differs, so that it may
// run again at any time; a lock lets one run at a time do it, and a transaction all of it or nothing.

import Client from 'pg/lib/client.js';
import {connectionOptions} from './database.mjs';
import {MIGRATIONS, RIGHTS} from './migrations.mjs';
import {verifier} from './scram.mjs';

const LOCK = 'SELECT pg_advisory_xact_lock(727567253)'; // any number, the same for all runs
const LOCK_MILLISECONDS = 60_000;

/** {changed, version, applied}: what was done, or with `dryRun` what would be. `applied` names each thing. */
export async function migrate(settings, {dryRun = false, migrations = MIGRATIONS} = {}) {
  const client = new Client(connectionOptions(settings, {statementMilliseconds: 0, application: 'conversations-migrate'}));
  client.on('error', () => {}); // told by the statement that fails
  await client.connect();
  try {
    await client.query('BEGIN');
    await client.query(`SET LOCAL lock_timeout = ${LOCK_MILLISECONDS}`);
    if (!dryRun) await client.query(LOCK);
    const result = await bringUpToDate(client, settings, {dryRun, migrations});
    await client.query(dryRun ? 'ROLLBACK' : 'COMMIT');
    return result;
  } finally {
    await client.end(); // without a COMMIT nothing has happened
  }
}

async function bringUpToDate(client, settings, {dryRun, migrations}) {
  const version = await versionOf(client);
  const pending = migrations.filter((migration) => migration.version > version);
  const steps = pending.map((migration) => ({
    name: `schema ${migration.version}: ${migration.name}`,
    run: () => apply(client, migration),
  }));
  steps.push(...(await roleSteps(client, settings)));
  steps.push(...(await rightSteps(client, settings)));
  if (!dryRun) for (const step of steps) await step.run();
  return {
    changed: steps.length > 0,
    version: dryRun ? version : (pending.at(-1)?.version ?? version),
    applied: steps.map((step) => step.name),
  };
}

async function versionOf(client) {
  const {rows} = await client.query("SELECT to_regclass('schema_versions') IS NOT NULL AS known");
  if (!rows[0].known) return 0;
  const {rows: versions} = await client.query('SELECT coalesce(max(version), 0) AS version FROM schema_versions');
  return versions[0].version;
}

async function apply(client, {version, name, statements}) {
  await client.query(`CREATE TABLE IF NOT EXISTS schema_versions (
    version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`);
  for (const statement of statements) await client.query(statement);
  await client.query('INSERT INTO schema_versions (version, name) VALUES ($1, $2)', [version, name]);
}

async function roleSteps(client, settings) {
  const {APP_DB_USER: user, APP_DB_PASSWORD: password} = settings;
  const role = client.escapeIdentifier(user);
  const secret = client.escapeLiteral(verifier(password));
  const {rowCount} = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [user]);
  if (rowCount === 0) {
    return [
      {name: 'role', run: () => client.query(`CREATE ROLE ${role} LOGIN NOINHERIT NOCREATEDB NOCREATEROLE PASSWORD ${secret}`)},
    ];
  }
  if (await signsIn(settings)) return [];
  return [{name: 'password', run: () => client.query(`ALTER ROLE ${role} LOGIN PASSWORD ${secret}`)}];
}

/** Whether the password is the role's: RDS lets nobody read what is stored. */
async function signsIn({APP_DB_USER, APP_DB_PASSWORD, ...settings}) {
  const options = connectionOptions({...settings, DB_USER: APP_DB_USER, DB_PASSWORD: APP_DB_PASSWORD});
  const client = new Client({...options, application_name: 'conversations-migrate', connectionTimeoutMillis: 10_000});
  client.on('error', () => {});
  try {
    await client.connect();
    return true;
  } catch (error) {
    if (error.code === '42501') return true; // the password was right; the right to connect is another step
    if (error.code === '28P01' || error.code === '28000') return false;
    throw error;
  } finally {
    await client.end().catch(() => {});
  }
}

async function rightSteps(client, settings) {
  const role = client.escapeIdentifier(settings.APP_DB_USER);
  const database = client.escapeIdentifier(settings.DB_NAME);
  const {rows} = await client.query(
    `SELECT coalesce((SELECT array_agg(privilege_type::text ORDER BY privilege_type)
                        FROM pg_class, aclexplode(relacl)
                       WHERE pg_class.oid = to_regclass('conversations') AND grantee = pg_roles.oid), '{}') AS granted,
            has_database_privilege(pg_roles.oid, current_database(), 'TEMPORARY') AS temporary,
            has_schema_privilege(pg_roles.oid, 'public', 'CREATE') AS creates
       FROM pg_roles WHERE rolname = $1`,
    [settings.APP_DB_USER],
  );
  const {granted = [], temporary = true, creates = true} = rows[0] ?? {};
  const steps = [];
  if (granted.join() !== [...RIGHTS.table].sort().join()) {
    steps.push({
      name: 'rights on conversations',
      run: async () => {
        await client.query(`REVOKE ALL ON conversations FROM ${role}`);
        await client.query(`GRANT ${RIGHTS.table.join(', ')} ON conversations TO ${role}`);
      },
    });
  }
  if (temporary || creates) {
    steps.push({
      name: 'rights on the database',
      run: async () => {
        await client.query(`REVOKE ALL ON DATABASE ${database} FROM PUBLIC`);
        await client.query('REVOKE CREATE ON SCHEMA public FROM PUBLIC');
        await client.query(`GRANT CONNECT ON DATABASE ${database} TO ${role}`);
        await client.query(`GRANT USAGE ON SCHEMA public TO ${role}`);
      },
    });
  }
  return steps;
}
