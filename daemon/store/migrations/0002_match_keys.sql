BEGIN IMMEDIATE;

-- Match keys of the records that a link's ends hold, made alike so that the same person is found
-- by them (`actors.mapping.matchers`). Rows of a link go with its row.
CREATE TABLE match_keys (
    sync TEXT NOT NULL,
    side TEXT NOT NULL CHECK (side IN ('left', 'right')),
    key TEXT NOT NULL,
    link INTEGER NOT NULL,
    PRIMARY KEY (sync, side, key, link)
) STRICT, WITHOUT ROWID;
CREATE INDEX match_keys_link ON match_keys (link);

PRAGMA user_version = 2;
COMMIT;
