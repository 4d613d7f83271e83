// What the environment says, read once. A missing or useless variable is named, and nothing starts.

const DEFAULTS = {CORS_ORIGIN: '*', METRICS_NAMESPACE: 'Conversations'};

const CHECKS = {
  DB_PORT: (value) => /^\d{1,5}$/.test(value) && Number(value) >= 1 && Number(value) <= 65535,
};

/**
 * The named variables as an object. Throws one error that names every variable that is missing or malformed, never a value.
 */
export function readSettings(names, environment = process.env) {
  const values = {};
  const missing = [];
  const malformed = [];
  for (const name of names) {
    const value = environment[name] || DEFAULTS[name];
    if (!value) missing.push(name);
    else if (CHECKS[name] && !CHECKS[name](value)) malformed.push(name);
    else values[name] = value;
  }
  const faults = [];
  if (missing.length) faults.push(`not set: ${missing.join(', ')}`);
  if (malformed.length) faults.push(`malformed: ${malformed.join(', ')}`);
  if (faults.length) throw new Error(`Environment variables ${faults.join('; ')}`);
  return values;
}

export const DATABASE_SETTINGS = ['DB_USER', 'DB_PASSWORD', 'DB_HOST', 'DB_PORT', 'DB_NAME'];
