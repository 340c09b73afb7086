-- Times are milliseconds since 1970, or RFC 3339 text where a person is likely to look.

-- What is known of each user's sessions. `version` is the ID of the change that made it.
CREATE TABLE accounts (
    key        TEXT PRIMARY KEY, -- from the hash of the user
    user       TEXT NOT NULL,    -- a BLOB if it is not UTF-8
    version    TEXT NOT NULL,
    record     TEXT NOT NULL,    -- JSON
    deadline   INTEGER,          -- when something expires next; NULL is never
    keep_until INTEGER           -- when it can be forgotten; NULL is never
);
CREATE INDEX accounts_by_deadline ON accounts (deadline) WHERE deadline IS NOT NULL;
CREATE INDEX accounts_by_keep_until ON accounts (keep_until, key) WHERE keep_until IS NOT NULL;

-- Activity and receipts that came in since the account was last written.
CREATE TABLE activity (
    key       TEXT NOT NULL,
    session   TEXT NOT NULL,
    active_at INTEGER,
    acked_at  INTEGER,
    PRIMARY KEY (key, session)
) WITHOUT ROWID;

-- The audit log.
CREATE TABLE events (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    at      TEXT NOT NULL,
    type    TEXT NOT NULL,
    user    TEXT NOT NULL,
    session TEXT AS (json_extract(body, '$.session.id')),
    reason  TEXT AS (json_extract(body, '$.session.ended.reason')),
    body    TEXT NOT NULL -- JSON
);

-- One row for each session, live or ended, for people to read.
CREATE VIEW sessions AS
WITH s (key, user, state, body) AS (
    SELECT a.key, user, 'live', value FROM accounts AS a, json_each(record, '$.live') WHERE type = 'object'
    UNION ALL
    SELECT a.key, user, 'ended', value FROM accounts AS a, json_each(record, '$.ended') WHERE type = 'object'
)
SELECT
    s.user,
    json_extract(body, '$.id') AS id,
    coalesce(json_extract(body, '$.device.name'), json_extract(body, '$.device.id')) AS device,
    json_extract(body, '$.device.kind') AS kind,
    json_extract(body, '$.ip') AS ip,
    strftime('%Y-%m-%dT%H:%M:%fZ', json_extract(body, '$.created_at')) AS created_at,
    max(
        strftime('%Y-%m-%dT%H:%M:%fZ', json_extract(body, '$.last_active_at')),
        coalesce(strftime('%Y-%m-%dT%H:%M:%fZ', active_at / 1000.0, 'unixepoch'), '')
    ) AS last_active_at,
    s.state,
    json_extract(body, '$.ended.reason') AS reason,
    strftime('%Y-%m-%dT%H:%M:%fZ', json_extract(body, '$.ended.at')) AS ended_at
FROM s LEFT JOIN activity ON activity.key = s.key AND activity.session = json_extract(body, '$.id');
