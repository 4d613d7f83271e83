// A connection to PostgreSQL, and no more of its protocol than serving takes: TLS, SCRAM-SHA-256, statements one after the other, all
// values texts. It exists for its speed: loading and using a general client is most of a cold start's and of a request's own time.
// https://www.postgresql.org/docs/current/protocol-message-formats.html

import net from 'node:net';
import tls from 'node:tls';
import {signIn} from './scram.mjs';

const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);
const VERSION = [0, 3, 0, 0];
const HEADER = 5; // a letter, and the length of what follows with its own four bytes
const MECHANISM = 'SCRAM-SHA-256';
// https://www.postgresql.org/docs/current/protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-AUTHENTICATIONOK
const SIGNED_IN = 0;
const SASL = 10;
const SASL_CONTINUE = 11;
const SASL_FINAL = 12;

const number = (text) => Number(text);
// By type's oid. Others stay texts, 64-bit integers among them.
// https://github.com/postgres/postgres/blob/master/src/include/catalog/pg_type.dat
const VALUES = new Map([[16, (text) => text === 't'], [21, number], [23, number], [700, number], [701, number]]);
const asItIs = (text) => text;

/** What the server reported: `severity` and `code` are PostgreSQL's. https://www.postgresql.org/docs/current/errcodes-appendix.html */
export class ServerError extends Error {
  constructor({V: severity, C: code, M: text}) {
    super(text);
    this.severity = severity;
    this.code = code;
  }
}

const lost = () => Object.assign(new Error('The connection ended'), {code: 'ECONNRESET'});

export class Connection {
  #socket;
  #options;
  #signIn;
  #waiting; // for the end of what was asked: {resolve, reject, rows, columns, name, error}
  #prepared = new Map(); // by name: a statement's columns, null until they are known
  #chunks = [];
  #held = 0;
  #needed = HEADER;
  #over = false;
  #onEnd;

  /**
   * {host, port, user, password, database, ca, session}; `session` holds parameters of the startup message. `onEnd` is called once, when the
   * connection is of no use any more.
   */
  constructor(options, onEnd = () => {}) {
    this.#options = options;
    this.#onEnd = onEnd;
  }

  /** Resolves when statements can be asked. */
  connect() {
    const {host, port} = this.#options;
    const ready = this.#wait();
    const socket = net.connect({host, port, noDelay: true, keepAlive: true});
    this.#adopt(socket);
    socket.write(SSL_REQUEST);
    socket.once('data', (answer) => {
      // More than the one byte was not protected by what it announces: CVE-2021-23222.
      if (answer.length === 1 && answer[0] === 0x53) this.#secure(socket);
      else this.#end(new Error('The server does not speak TLS'));
    });
    return ready;
  }

  /** The rows, as objects, of {text, values, name}; a statement with a name is prepared once. One at a time. */
  query({text, values = [], name = ''}) {
    if (this.#over) return Promise.reject(lost());
    const known = this.#prepared.get(name);
    const answer = this.#wait({rows: [], columns: known, name});
    const parts = known === undefined ? [parse(name, text)] : [];
    parts.push(bind(name, values));
    if (!known) parts.push(DESCRIBE);
    parts.push(RUN);
    this.#socket.write(Buffer.concat(parts));
    return answer;
  }

  /** Says goodbye. */
  async end() {
    if (this.#over) return;
    const socket = this.#socket;
    this.#over = true;
    await new Promise((resolve) => socket.once('close', resolve).end(GOODBYE));
  }

  destroy() {
    this.#end(lost());
  }

  #wait(more) {
    return new Promise((resolve, reject) => {
      this.#waiting = {resolve, reject, ...more};
    });
  }

  #adopt(socket) {
    this.#socket = socket;
    socket.on('error', (error) => this.#end(error));
    socket.on('close', () => this.#end(lost()));
  }

  #secure(socket) {
    const {host, ca, user, database, session} = this.#options;
    // An address cannot be a server name; with `host` it is verified all the same.
    const servername = net.isIP(host) ? '' : host;
    const secured = tls.connect({socket, host, servername, ca, minVersion: 'TLSv1.2', rejectUnauthorized: true});
    this.#adopt(secured);
    secured.once('secureConnect', () => secured.write(startup({user, database, ...session})));
    secured.on('data', (chunk) => this.#receive(chunk));
  }

  // A large answer comes in many pieces, which are put together once.
  #receive(chunk) {
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    if (this.#held < this.#needed) return;
    const data = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks, this.#held);
    let start = 0;
    let length = HEADER;
    while (data.length - start >= HEADER) {
      length = 1 + data.readInt32BE(start + 1);
      if (data.length - start < length) break;
      this.#understand(data[start], data.subarray(start + HEADER, start + length));
      start += length;
      length = HEADER;
    }
    this.#chunks = start < data.length ? [data.subarray(start)] : [];
    this.#held = data.length - start;
    this.#needed = length;
  }

  #understand(letter, body) {
    switch (letter) {
      case 0x44: // D: a row
        this.#waiting?.rows.push(row(body, this.#waiting.columns));
        break;
      case 0x54: // T: columns
        this.#describe(columns(body));
        break;
      case 0x6e: // n: no columns
        this.#describe([]);
        break;
      case 0x31: // 1: parsed
        this.#describe(null);
        break;
      case 0x45: // E: an error
        this.#refused(new ServerError(fields(body)));
        break;
      case 0x5a: // Z: ready for the next
        this.#settle();
        break;
      case 0x52: // R: of the sign-in
        this.#authenticate(body);
        break;
      default: // progress, notices, and parameters that nobody asked for
    }
  }

  #describe(described) {
    if (!this.#waiting) return;
    this.#waiting.columns = described;
    if (this.#waiting.name) this.#prepared.set(this.#waiting.name, described);
  }

  // After an error of a statement the server is ready for the next one, and says so; after others it ends the connection.
  #refused(error) {
    if (error.severity === 'ERROR' && this.#waiting) this.#waiting.error = error;
    else this.#end(error);
  }

  #settle() {
    const {resolve, reject, rows, error} = this.#waiting ?? {};
    this.#waiting = undefined;
    if (error) reject(error);
    else resolve?.(rows);
  }

  #end(cause) {
    if (!this.#over) this.#onEnd();
    this.#over = true;
    this.#socket?.destroy();
    this.#waiting?.reject(cause);
    this.#waiting = undefined;
  }

  #authenticate(body) {
    const kind = body.readInt32BE(0);
    const text = body.toString('utf8', 4);
    try {
      if (kind === SASL && text.split('\0').includes(MECHANISM)) {
        this.#signIn = signIn(this.#options.password);
        const first = Buffer.from(this.#signIn.first);
        this.#socket.write(message('p', string(MECHANISM), int32(first.length), first));
      } else if (kind === SASL_CONTINUE) {
        this.#socket.write(message('p', Buffer.from(this.#signIn.final(text))));
      } else if (kind === SASL_FINAL) {
        this.#signIn.verify(text);
        this.#signIn.verified = true;
      } else if (kind !== SIGNED_IN || !this.#signIn?.verified) {
        throw new Error(`The server wants another sign-in than ${MECHANISM}`);
      }
    } catch (error) {
      this.#end(error);
    }
  }
}

const string = (text) => Buffer.from(`${text}\0`);

function int32(value) {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function message(letter, ...parts) {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from(letter), int32(body.length + 4), body]);
}

function startup(parameters) {
  const body = Buffer.concat([Buffer.from(VERSION), ...Object.entries(parameters).flat().map(string), Buffer.from([0])]);
  return Buffer.concat([int32(body.length + 4), body]);
}

const parse = (name, text) => message('P', string(name), string(text), Buffer.from([0, 0]));

/** One buffer, into which each value is written once: all are texts, and so are all columns of the answer. */
function bind(name, values) {
  const texts = values.map((value) => (value === null || value === undefined ? null : String(value)));
  const sizes = texts.map((text) => (text === null ? 0 : Buffer.byteLength(text)));
  const length = HEADER + 1 + Buffer.byteLength(name) + 1 + 2 + 2 + sizes.reduce((sum, size) => sum + 4 + size, 0) + 2;
  const bytes = Buffer.allocUnsafe(length);
  bytes.write('B');
  let at = bytes.writeInt32BE(length - 1, 1);
  at += bytes.write(`\0${name}\0`, at);
  at = bytes.writeInt16BE(0, at);
  at = bytes.writeInt16BE(texts.length, at);
  for (const [index, text] of texts.entries()) {
    at = bytes.writeInt32BE(text === null ? -1 : sizes[index], at);
    if (text) at += bytes.write(text, at);
  }
  bytes.writeInt16BE(0, at);
  return bytes;
}

const DESCRIBE = message('D', Buffer.from('P\0'));
const RUN = Buffer.concat([message('E', Buffer.from([0, 0, 0, 0, 0])), message('S')]);
const GOODBYE = message('X');

/** [{name, value}] of a row description: 18 bytes follow each name, the type's oid after six of them. */
function columns(body) {
  const described = [];
  let at = 2;
  for (let count = body.readInt16BE(0); count > 0; count -= 1) {
    const end = body.indexOf(0, at);
    described.push({name: body.toString('utf8', at, end), value: VALUES.get(body.readInt32BE(end + 7)) ?? asItIs});
    at = end + 19;
  }
  return described;
}

function row(body, described) {
  const values = {};
  let at = 2;
  for (const {name, value} of described) {
    const length = body.readInt32BE(at);
    at += 4;
    if (length < 0) {
      values[name] = null;
    } else {
      values[name] = value(body.toString('utf8', at, at + length));
      at += length;
    }
  }
  return values;
}

/** An error's fields by their letters. */
const fields = (body) => Object.fromEntries(body.toString('utf8').split('\0').filter(Boolean).map((field) => [field[0], field.slice(1)]));
