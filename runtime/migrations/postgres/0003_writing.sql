-- What writing records needs besides: versions in the history, keys that end, comments, attachments.

ALTER TABLE event ADD COLUMN version BIGINT;
ALTER TABLE event ADD COLUMN model TEXT;
UPDATE event SET version = (
    SELECT count(*) FROM event AS earlier
    WHERE earlier.record = event.record AND earlier.object = event.object AND earlier.seq <= event.seq
);

-- 1: the key is kept for ever, as those of settlement are.
ALTER TABLE command ADD COLUMN lasting BIGINT NOT NULL DEFAULT 0;
CREATE INDEX command_ending ON command (at) WHERE idempotency_key IS NOT NULL AND lasting = 0;

CREATE TABLE comment (
    id UUID NOT NULL PRIMARY KEY,
    object TEXT COLLATE "C" NOT NULL,
    record UUID NOT NULL,
    text TEXT NOT NULL,
    author UUID,
    created_at BIGINT NOT NULL,
    edited_at BIGINT
);
CREATE INDEX comment_record ON comment (record, created_at, id);

CREATE TABLE mention (
    user_id UUID NOT NULL,
    comment UUID NOT NULL REFERENCES comment (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    read_at BIGINT,
    PRIMARY KEY (user_id, comment)
);
CREATE INDEX mention_of_comment ON mention (comment);
CREATE INDEX mention_unread ON mention (user_id) WHERE read_at IS NULL;

CREATE TABLE attachment (
    id UUID NOT NULL PRIMARY KEY,
    object TEXT COLLATE "C" NOT NULL,
    record UUID NOT NULL,
    field TEXT COLLATE "C",
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    size BIGINT NOT NULL,
    sha256 TEXT COLLATE "C" NOT NULL,
    uploaded_by UUID,
    uploaded_at BIGINT NOT NULL,
    deleted_at BIGINT
);
CREATE INDEX attachment_record ON attachment (record, uploaded_at, id);
CREATE INDEX attachment_deleted ON attachment (deleted_at) WHERE deleted_at IS NOT NULL;
