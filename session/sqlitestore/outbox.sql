-- What goes to the world outside. A file that has none of it yet gets it when it is opened.

-- Up to which event the log has been gathered; no row before the first time.
CREATE TABLE IF NOT EXISTS outbox (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    last INTEGER NOT NULL
);

-- The queues of all endpoints.
CREATE TABLE IF NOT EXISTS deliveries (
    endpoint TEXT NOT NULL,
    event    INTEGER NOT NULL,
    due      INTEGER NOT NULL, -- not before its lease has run out
    leased   INTEGER NOT NULL DEFAULT 0,
    queued   INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    user     TEXT NOT NULL,    -- a BLOB if it is not UTF-8
    body     TEXT NOT NULL,    -- JSON
    PRIMARY KEY (endpoint, event)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS deliveries_by_due ON deliveries (endpoint, due);
CREATE INDEX IF NOT EXISTS deliveries_by_age ON deliveries (endpoint, queued);

CREATE TABLE IF NOT EXISTS endpoints (
    name     TEXT PRIMARY KEY,
    off_at   INTEGER,                    -- since when it is disabled; NULL is not
    held     INTEGER NOT NULL DEFAULT 0, -- until when nothing is claimed
    lost     INTEGER NOT NULL DEFAULT 0  -- how many were too much for its queue
);

-- Leases end with the process that had them; what is a week old waits for an endpoint that is no longer in use.
UPDATE deliveries SET due = queued, leased = 0 WHERE leased = 1;
DELETE FROM deliveries WHERE queued < (unixepoch() - 7 * 24 * 3600) * 1000;
