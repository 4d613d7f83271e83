// The schema, version by version. A version that has been deployed is never edited: a change is one more version.

export const MIGRATIONS = [
  {
    version: 1,
    name: 'conversations',
    statements: [
      'CREATE EXTENSION IF NOT EXISTS vector',
      // Ids come from clients and collide between users: the key begins with the user. It is also what serves a user's list, which is
      // sorted afterwards: an index on the time of the last save would be written at each save, and so would every other index.
      `CREATE TABLE conversations (
         user_id uuid NOT NULL,
         id uuid NOT NULL,
         title text NOT NULL CHECK (title IS JSON SCALAR),
         conversation text NOT NULL CHECK (conversation IS JSON ARRAY),
         size integer NOT NULL CHECK (size > 0),
         embedding vector(768),
         embedding_exact text,
         created_at timestamptz NOT NULL DEFAULT now(),
         updated_at timestamptz NOT NULL DEFAULT now(),
         PRIMARY KEY (user_id, id)
       ) WITH (fillfactor = 80)`,
      // The default method spends a millisecond on the digits of an embedding, and saves a third of them.
      'ALTER TABLE conversations ALTER embedding_exact SET STORAGE EXTERNAL',
      // A faster method than the default, where the server was built with it, as RDS's is.
      `DO $$ BEGIN
         ALTER TABLE conversations ALTER conversation SET COMPRESSION lz4;
       EXCEPTION WHEN feature_not_supported THEN NULL;
       END $$`,
      `COMMENT ON TABLE conversations IS 'Conversations of signed-in users, with the embeddings by which they are compared'`,
      `COMMENT ON COLUMN conversations.user_id IS 'The sub of the user''s token'`,
      `COMMENT ON COLUMN conversations.title IS 'A string of JSON, whose escapes hold what a text cannot'`,
      `COMMENT ON COLUMN conversations.conversation IS 'An array of JSON: the messages'`,
      `COMMENT ON COLUMN conversations.size IS 'Bytes of the conversation inside an answer'`,
      `COMMENT ON COLUMN conversations.embedding_exact IS 'The embedding as it was sent, where single precision differs from it'`,
    ],
  },
  {
    version: 2,
    name: 'nearest conversations',
    statements: [
      'CREATE INDEX conversations_embedding ON conversations USING hnsw (embedding vector_cosine_ops)',
    ],
  },
];

export const LATEST = MIGRATIONS.at(-1).version;

/** What the role that serves requests may do, and nothing else: no statement that changes the schema. */
export const RIGHTS = {table: ['SELECT', 'INSERT', 'UPDATE', 'DELETE']};
