// Answers as API Gateway's proxy integration takes them. Conversations are texts of JSON already: they are joined, not parsed.

const METHODS = 'GET,POST,PUT,DELETE,OPTIONS';

export function answers(origin) {
  const headers = {
    'Content-Type': 'application/json; charset=utf-8',
    'Cache-Control': 'no-store',
    'Access-Control-Allow-Origin': origin,
    'Access-Control-Expose-Headers': 'Retry-After',
    ...(origin === '*' ? {} : {Vary: 'Origin'}),
  };
  const raw = (statusCode, body, more) => ({statusCode, headers: more ? {...headers, ...more} : headers, body});

  return {
    /** `data` is JSON already, or absent. */
    success(statusCode, {message, data, next} = {}) {
      const parts = ['"status":"success"'];
      if (message) parts.push(`"message":${JSON.stringify(message)}`);
      if (data !== undefined) parts.push(`"data":${data}`);
      if (next !== undefined) parts.push(`"next":${JSON.stringify(next)}`);
      return raw(statusCode, `{${parts.join(',')}}`);
    },
    failure(statusCode, message, {field, headers: more} = {}) {
      return raw(statusCode, JSON.stringify({status: 'error', message, ...(field === undefined ? {} : {field})}), more);
    },
    preflight() {
      return raw(200, '{"status":"success"}', {
        'Access-Control-Allow-Headers': 'Authorization,Content-Type',
        'Access-Control-Allow-Methods': METHODS,
        'Access-Control-Max-Age': '7200',
      });
    },
  };
}

const time = (microseconds) => new Date(Math.floor(Number(microseconds) / 1000)).toISOString();

/** What a write answers. */
export const receipt = (row) =>
  `{"id":"${row.id}","title":${row.title},"createdAt":"${time(row.created)}","updatedAt":"${time(row.updated)}"}`;

/** A whole conversation. The embedding is there when it was asked for, null when there is none. */
export function conversation(row, withEmbedding) {
  const embedding = withEmbedding ? `,"embedding":${row.embedding}` : '';
  const distance = row.distance === undefined ? '' : `,"distance":${Number.isFinite(row.distance) ? row.distance : null}`;
  return (
    `{"id":"${row.id}","title":${row.title},"conversation":${row.conversation},` +
    `"createdAt":"${time(row.created)}","updatedAt":"${time(row.updated)}"${embedding}${distance}}`
  );
}
