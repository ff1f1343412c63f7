-- A file may come before its record: `record` is null until a record names it.

CREATE TABLE attachment_with_record AS SELECT id, object, record, field, name, type, size, sha256, uploaded_by, uploaded_at, deleted_at FROM attachment;
DROP TABLE attachment;
CREATE TABLE attachment (
    id BLOB NOT NULL PRIMARY KEY,
    object TEXT NOT NULL,
    record BLOB,
    field TEXT,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    size INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    uploaded_by BLOB,
    uploaded_at INTEGER NOT NULL,
    deleted_at INTEGER
) STRICT;
INSERT INTO attachment (id, object, record, field, name, type, size, sha256, uploaded_by, uploaded_at, deleted_at)
SELECT id, object, record, field, name, type, size, sha256, uploaded_by, uploaded_at, deleted_at FROM attachment_with_record;
DROP TABLE attachment_with_record;
CREATE INDEX attachment_record ON attachment (record, uploaded_at, id);
CREATE INDEX attachment_deleted ON attachment (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX attachment_waiting ON attachment (uploaded_at) WHERE record IS NULL;
