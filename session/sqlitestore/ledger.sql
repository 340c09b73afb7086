-- Small facts that are kept for a while, each under the SHA-256 of what it is about. A file of before has no such table.
CREATE TABLE IF NOT EXISTS facts (
    name  TEXT NOT NULL,
    fact  BLOB NOT NULL,
    until INTEGER NOT NULL, -- ms since 1970
    PRIMARY KEY (name, fact)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS facts_by_until ON facts (until);
