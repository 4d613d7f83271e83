// What the function is compared with: the common way to write one. Each request opens a client, sees to the extension and the table, and
// parses and writes the conversations that pass through. It serves the same routes with the same answers.

import pg from 'pg';

const DDL = `CREATE TABLE IF NOT EXISTS baseline_conversations (
  id UUID NOT NULL, user_id UUID NOT NULL, title TEXT NOT NULL, conversation JSONB NOT NULL, embedding vector(768),
  created_at TIMESTAMPTZ NOT NULL DEFAULT now(), updated_at TIMESTAMPTZ NOT NULL DEFAULT now(), PRIMARY KEY (user_id, id))`;
const FIELDS = 'id, title, conversation, created_at AS "createdAt", updated_at AS "updatedAt"';

export async function handler(event) {
  const client = new pg.Client({
    host: process.env.DB_HOST,
    port: Number(process.env.DB_PORT),
    user: process.env.DB_USER,
    password: process.env.DB_PASSWORD,
    database: process.env.DB_NAME,
    ssl: {rejectUnauthorized: true}, // the system's authorities, and NODE_EXTRA_CA_CERTS
  });
  await client.connect();
  try {
    await client.query('CREATE EXTENSION IF NOT EXISTS vector');
    await client.query(DDL);
    return await serve(client, event);
  } finally {
    await client.end();
  }
}

async function serve(client, event) {
  const {uid, id} = event.pathParameters;
  const body = event.body ? JSON.parse(event.body) : {};
  const vector = body.embedding ? JSON.stringify(body.embedding) : null;
  switch (`${event.httpMethod} ${event.resource}`) {
    case 'GET /conversations/{uid}': {
      const {rows} = await client.query(`SELECT ${FIELDS} FROM baseline_conversations WHERE user_id = $1 ORDER BY updated_at DESC`, [uid]);
      return answer(200, rows);
    }
    case 'POST /conversations/{uid}':
      await client.query(
        `INSERT INTO baseline_conversations (id, user_id, title, conversation, embedding) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (user_id, id) DO UPDATE SET title = $3, conversation = $4, embedding = $5, updated_at = now()`,
        [body.id, uid, body.title, JSON.stringify(body.conversation), vector],
      );
      return answer(200);
    case 'GET /conversations/{uid}/{id}': {
      const {rows} = await client.query(`SELECT ${FIELDS}, embedding FROM baseline_conversations WHERE user_id = $1 AND id = $2`, [uid, id]);
      return rows.length ? answer(200, rows[0]) : answer(404);
    }
    case 'PUT /conversations/{uid}/{id}':
      await client.query(
        `UPDATE baseline_conversations SET title = coalesce($3, title), conversation = coalesce($4, conversation), updated_at = now()
         WHERE user_id = $1 AND id = $2`,
        [uid, id, body.title ?? null, body.conversation ? JSON.stringify(body.conversation) : null],
      );
      return answer(200);
    case 'DELETE /conversations/{uid}/{id}':
      await client.query('DELETE FROM baseline_conversations WHERE user_id = $1 AND id = $2', [uid, id]);
      return answer(200);
    default:
      await client.query('DELETE FROM baseline_conversations WHERE user_id = $1', [uid]);
      return answer(200);
  }
}

const answer = (statusCode, data) => ({
  statusCode,
  headers: {'Content-Type': 'application/json', 'Access-Control-Allow-Origin': '*'},
  body: JSON.stringify({status: statusCode < 400 ? 'success' : 'error', data}),
});
