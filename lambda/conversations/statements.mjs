// Every statement that serves a request: one each, prepared once per connection, and none without `user_id = $1`.
//
// Titles and conversations are stored as JSON texts, as the handler wrote them: PostgreSQL's own strings cannot hold U+0000 or half a
// surrogate pair, JSON's escapes can, and a text goes into an answer as it is, neither parsed nor written again.

// Microseconds since 1970: exact in a JavaScript number, and what a cursor needs.
const times = `(extract(epoch FROM created_at) * 1000000)::bigint AS created, (extract(epoch FROM updated_at) * 1000000)::bigint AS updated`;
const embeddingText = 'coalesce(embedding_exact, embedding::text) AS embedding';
const optionalEmbedding = 'CASE WHEN $2 THEN coalesce(embedding_exact, embedding::text) END AS embedding';

// Bytes of a row in an answer, at most: quotes of the title are escaped twice, a number has 24 characters, keys and times have 300.
const answerSize = '(size + 2 * octet_length(title) + CASE WHEN $2 THEN 768 * 25 ELSE 0 END + 300)';

// Both parameters of a list's cursor may be null. The conversations' sizes are summed up from the first on, and those that would not
// fit into one answer are left for the next; reading sizes does not read conversations.
const listSql = `
SELECT id, title, conversation, ${optionalEmbedding}, ${times}, remaining
  FROM (SELECT *, count(*) OVER () - row_number() OVER newest AS remaining,
               row_number() OVER newest AS position, sum(${answerSize}) OVER newest AS total
          FROM conversations
         WHERE user_id = $1
           AND ($3::bigint IS NULL
                OR (updated_at, id) < ('epoch'::timestamptz + $3::bigint * interval '1 microsecond', $4::uuid))
        WINDOW newest AS (ORDER BY updated_at DESC, id DESC ROWS UNBOUNDED PRECEDING)) AS mine
 WHERE position <= $5 AND (total <= $6 OR position = 1)
 ORDER BY position`;

export const list = (user, {embedding, after, limit}, bytes) => ({
  name: 'list',
  text: listSql,
  values: [user, embedding, after?.updated ?? null, after?.id ?? null, limit, bytes],
});

// Without an embedding to compare with, nothing is near: not every conversation.
const nearest = (vector, others) => `
SELECT id, title, conversation, ${optionalEmbedding}, ${times}, distance, 0 AS remaining
  FROM (SELECT *, row_number() OVER closest AS position,
               sum(${answerSize}) OVER closest AS total
          FROM (SELECT *, embedding <=> ${vector} AS distance
                  FROM conversations
                 WHERE user_id = $1 AND embedding IS NOT NULL ${others}
                 ORDER BY embedding <=> ${vector}
                 LIMIT $4) AS candidates
        WINDOW closest AS (ORDER BY distance, id ROWS UNBOUNDED PRECEDING)) AS mine
 WHERE total <= $5 OR position = 1
 ORDER BY position`;
const embeddingOfConversation = '(SELECT embedding FROM conversations WHERE user_id = $1 AND id = $3::uuid)';
const nearestToVector = nearest('$3::vector', '');
const nearestToConversation = nearest(embeddingOfConversation, `AND id <> $3::uuid AND ${embeddingOfConversation} IS NOT NULL`);

// Not prepared: whether the index or a sort of the user's few rows is faster depends on the user, and only a plan made for the values
// of this request can tell.
export const near = (user, {embedding, near: target, limit}, bytes) => ({
  text: target.id ? nearestToConversation : nearestToVector,
  values: [user, embedding, target.id ?? target.vector, limit, bytes],
});

export const read = (user, id) => ({
  name: 'read',
  text: `SELECT id, title, conversation, ${embeddingText}, ${times} FROM conversations WHERE user_id = $1 AND id = $2`,
  values: [user, id],
});

// pgvector keeps single precision. What differs from what was sent is kept beside it, so that an answer holds what was sent.
//
// An embedding that did not change keeps its stored value: the row then changes in no indexed column, and neither index is written
// (a heap-only tuple), though the conversation is saved after every turn.
const saveSql = `
INSERT INTO conversations AS c (user_id, id, title, conversation, size, embedding, embedding_exact)
SELECT $1, $2, $3, $4, $5, given.embedding, nullif($6::text, given.embedding::text)
  FROM (SELECT $6::text::vector AS embedding OFFSET 0) AS given -- read once
ON CONFLICT (user_id, id) DO UPDATE
   SET title = excluded.title, conversation = excluded.conversation, size = excluded.size,
       embedding = CASE WHEN c.embedding = excluded.embedding THEN c.embedding ELSE excluded.embedding END,
       embedding_exact = excluded.embedding_exact, updated_at = clock_timestamp()
RETURNING id, title, ${times}, created_at = updated_at AS inserted`;

export const save = (user, {id, title, conversation, size, embedding}) => ({
  name: 'save',
  text: saveSql,
  values: [user, id, title, conversation, size, embedding],
});

const changeSql = `
UPDATE conversations
   SET title = coalesce($3, title), conversation = coalesce($4, conversation),
       size = coalesce($5, size),
       embedding = CASE WHEN NOT $6 OR embedding = $7::text::vector THEN embedding ELSE $7::text::vector END,
       embedding_exact = CASE WHEN $6 THEN nullif($7::text, $7::text::vector::text) ELSE embedding_exact END,
       updated_at = clock_timestamp()
 WHERE user_id = $1 AND id = $2
RETURNING id, title, ${times}`;

export const change = (user, id, {title, conversation, size, embedding}) => ({
  name: 'change',
  text: changeSql,
  values: [user, id, title ?? null, conversation ?? null, size ?? null, embedding !== undefined, embedding ?? null],
});

export const remove = (user, id) => ({
  name: 'remove',
  text: 'DELETE FROM conversations WHERE user_id = $1 AND id = $2 RETURNING id',
  values: [user, id],
});

export const removeAll = (user) => ({
  name: 'removeAll',
  text: 'WITH gone AS (DELETE FROM conversations WHERE user_id = $1 RETURNING 1) SELECT count(*)::integer AS deleted FROM gone',
  values: [user],
});
