-- What writing records needs besides: versions in the history, keys that end, comments, attachments.

ALTER TABLE event ADD COLUMN version INTEGER;
ALTER TABLE event ADD COLUMN model TEXT;
UPDATE event SET version = (
    SELECT count(*) FROM event AS earlier
    WHERE earlier.record = event.record AND earlier.object = event.object AND earlier.seq <= event.seq
);

-- 1: the key is kept for ever, as those of settlement are.
ALTER TABLE command ADD COLUMN lasting INTEGER NOT NULL DEFAULT 0;
CREATE INDEX command_ending ON command (at) WHERE idempotency_key IS NOT NULL AND lasting = 0;

CREATE TABLE comment (
    id BLOB NOT NULL PRIMARY KEY,
    object TEXT NOT NULL,
    record BLOB NOT NULL,
    text TEXT NOT NULL,
    author BLOB,
    created_at INTEGER NOT NULL,
    edited_at INTEGER
) STRICT;
CREATE INDEX comment_record ON comment (record, created_at, id);

CREATE TABLE mention (
    user_id BLOB NOT NULL,
    comment BLOB NOT NULL REFERENCES comment (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    read_at INTEGER,
    PRIMARY KEY (user_id, comment)
) STRICT;
CREATE INDEX mention_of_comment ON mention (comment);
CREATE INDEX mention_unread ON mention (user_id) WHERE read_at IS NULL;

CREATE TABLE attachment (
    id BLOB NOT NULL PRIMARY KEY,
    object TEXT NOT NULL,
    record BLOB NOT NULL,
    field TEXT,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    size INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    uploaded_by BLOB,
    uploaded_at INTEGER NOT NULL,
    deleted_at INTEGER
) STRICT;
CREATE INDEX attachment_record ON attachment (record, uploaded_at, id);
CREATE INDEX attachment_deleted ON attachment (deleted_at) WHERE deleted_at IS NOT NULL;
