// One connection per execution environment: Lambda gives an environment one request at a time. It is opened while the environment
// starts, kept between requests, and replaced when it is broken, old or in doubt.

import Client from 'pg/lib/client.js';
import {certificateAuthorities} from './authorities.mjs';

export const TIMES = { // milliseconds
  connect: 3_000, // TCP, TLS and sign-in together
  statement: 8_000, // after which the server gives a statement up
  answer: 9_000, // after which we give the server up: its network may be gone
  total: 12_000, // below the function's timeout of 15 s and API Gateway's of 29 s
  idle: 240_000, // VPC networking forgets a quiet connection after 350 s
};
const ATTEMPTS = 3;

// The server takes no connections, has none left, or is going or coming.
const REFUSALS = new Set(['53300', '57P03']);
// The statement was rolled back and may run again: server shutdown or crash, deadlock, serialization.
// https://www.postgresql.org/docs/current/errcodes-appendix.html
const ABORTED = new Set(['57P01', '57P02', '57P03', '40001', '40P01']);

/** The database cannot answer now. `code` is PostgreSQL's or the socket's; the message holds no data of a user. */
export class Unavailable extends Error {
  constructor(cause) {
    super(`database: ${cause.code ?? cause.message}`);
    this.code = cause.code ?? 'UNKNOWN';
  }
}

export class Database {
  #settings;
  #times;
  #client;
  #connecting;
  #queue = Promise.resolve(); // of statements, where requests overlap after all
  #used = 0;

  constructor(settings, times = {}) {
    this.#settings = settings;
    this.#times = {...TIMES, ...times};
  }

  /** Opens the connection ahead of the first request, which tries again where that fails, and says why. */
  async warm() {
    await this.#connected(this.#times.connect).catch(() => {});
  }

  async close() {
    const client = this.#client;
    this.#client = undefined;
    await client?.end();
  }

  /**
   * The rows of one statement, in one round trip. `repeatable` says that the statement may run twice, which a read may and a write
   * may not: a write whose connection broke after it was sent is reported unavailable, because nobody knows whether it took place.
   */
  async query(statement, {repeatable = false, milliseconds = Infinity} = {}) {
    const deadline = performance.now() + Math.min(milliseconds, this.#times.total);
    for (let attempt = 1; ; attempt += 1) {
      let client;
      try {
        client = await this.#usable(deadline - performance.now());
        const result = await this.#answer(client, statement, deadline - performance.now());
        this.#used = Date.now();
        return result.rows;
      } catch (error) {
        if (client) this.#judge(client, error);
        if (attempt >= ATTEMPTS || !mayRepeat(error, {sent: Boolean(client), repeatable})) throw described(error);
        await sleep(50 * attempt + Math.random() * 100);
        if (deadline - performance.now() < 100) throw described(error);
      }
    }
  }

  async #usable(milliseconds) {
    if (this.#client) {
      await turn(); // what the server said while the environment was frozen is heard first, so that nothing is sent into the void
      if (this.#client && Date.now() - this.#used > this.#times.idle) this.#drop(this.#client);
    }
    return this.#client ?? this.#connected(milliseconds);
  }

  #connected(milliseconds) {
    this.#connecting ??= this.#connect(milliseconds).finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  async #connect(milliseconds) {
    const client = new Client(connectionOptions(this.#settings, {statementMilliseconds: this.#times.statement}));
    client.on('error', () => this.#drop(client));
    client.on('end', () => this.#drop(client));
    try {
      await limited(client.connect(), Math.min(milliseconds, this.#times.connect));
    } catch (error) {
      client.connection.stream.destroy();
      throw error;
    }
    this.#client = client;
    this.#queue = Promise.resolve();
    this.#used = Date.now();
    return client;
  }

  async #answer(client, statement, milliseconds) {
    const answered = this.#queue.then(() => client.query(statement));
    this.#queue = answered.catch(() => {});
    return limited(answered, Math.min(milliseconds, this.#times.answer));
  }

  // A connection survives an error that the server reports for a statement, and no other.
  #judge(client, error) {
    const reported = error.severity === 'ERROR';
    if (!reported) this.#drop(client);
  }

  #drop(client) {
    if (this.#client === client) this.#client = undefined;
    client.connection.stream.destroy();
  }
}

/** Of `pg`; the startup packet carries the settings of the session, so none costs a round trip. */
export function connectionOptions(settings, {statementMilliseconds = TIMES.statement, application = 'conversations'} = {}) {
  return {
    user: settings.DB_USER,
    password: settings.DB_PASSWORD,
    host: settings.DB_HOST,
    port: Number(settings.DB_PORT),
    database: settings.DB_NAME,
    application_name: application,
    keepAlive: true,
    options: [
      `-c statement_timeout=${statementMilliseconds}`,
      '-c idle_in_transaction_session_timeout=15000',
      '-c hnsw.iterative_scan=strict_order', // goes on until enough rows of this user are found
      '-c hnsw.ef_search=100',
    ].join(' '),
    // With `host` here a database that is named by its address is verified by its address: server names cannot be addresses.
    ssl: {ca: certificateAuthorities(), host: settings.DB_HOST, rejectUnauthorized: true, minVersion: 'TLSv1.2'},
  };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

function limited(promise, milliseconds) {
  return new Promise((resolve, reject) => {
    const late = () => reject(Object.assign(new Error('timeout'), {code: 'TIMEOUT'}));
    const timer = setTimeout(late, Math.max(milliseconds, 1));
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

function mayRepeat(error, {sent, repeatable}) {
  if (error.code === 'TIMEOUT') return false; // the time is spent
  if (!sent) return error.severity === undefined ? !isCertificateError(error) : REFUSALS.has(error.code);
  if (error.severity !== undefined) return ABORTED.has(error.code);
  return repeatable;
}

const isCertificateError = (error) => /^(CERT_|ERR_TLS_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_)/.test(error.code ?? '');

// Errors of these classes are the fault of the statement or its values, all others mean that the database cannot answer now.
// 22 data, 23 constraint, 42 syntax or rights
const described = (error) => (/^(22|23|42)/.test(error.severity ? (error.code ?? '') : '') ? error : new Unavailable(error));
