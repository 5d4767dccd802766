-- The store of one tieline daemon. A fresh store is made from this file alone; it equals the sum
-- of migrations/. Times are integer microseconds UTC (..._us); values are msgpack. No table
-- refers to another by foreign key: history, conflicts and settled intents outlive their link.
BEGIN IMMEDIATE;

-- Facts about the store itself. last_id: the highest id ever committed for a link or an intent,
-- so that the id of a dropped link does not come back.
CREATE TABLE meta (
    name TEXT NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT;
INSERT INTO meta (name, value) VALUES ('last_id', 0);

-- One row for each pair of records that are the same real thing, and for each known record
-- without counterpart (one end is NULL then). left_end and right_end are `actors.links.End`;
-- left_id and right_id repeat their ids to be looked up by. A record has one counterpart: both
-- ids are unique within a sync. sides: 1 only left, 2 only right, 3 both; for counting (not a
-- generated column: SQLite takes no index for covering that holds one).
-- Blobs stay in the row and the key is the rowid: WITHOUT ROWID measured three times slower.
CREATE TABLE links (
    id INTEGER NOT NULL PRIMARY KEY,
    sync TEXT NOT NULL,
    left_id TEXT,
    left_end BLOB,
    right_id TEXT,
    right_end BLOB,
    status TEXT NOT NULL
        CHECK (status IN ('in sync', 'pending', 'failing', 'excluded', 'held')),
    reason TEXT NOT NULL,
    due_us INTEGER,
    attempts INTEGER NOT NULL,
    recover INTEGER NOT NULL CHECK (recover IN (0, 1)),
    sides INTEGER NOT NULL CHECK (sides = (left_id IS NOT NULL) + 2 * (right_id IS NOT NULL)),
    UNIQUE (sync, left_id),
    UNIQUE (sync, right_id),
    CHECK ((left_id IS NULL) = (left_end IS NULL)),
    CHECK ((right_id IS NULL) = (right_end IS NULL))
) STRICT;
CREATE INDEX links_due ON links (sync, due_us) WHERE due_us IS NOT NULL;
-- What people are told about; links in sync are the rest, so that they cost no entry.
CREATE INDEX links_trouble ON links (sync, status, reason, sides) WHERE status <> 'in sync';

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

-- Writes that were made durable before they are attempted; body is `actors.intents.Intent`.
-- outcome and at_us are NULL until it is settled; settled rows stay until pruned.
CREATE TABLE intents (
    id INTEGER NOT NULL PRIMARY KEY,
    sync TEXT NOT NULL,
    link INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    body BLOB NOT NULL,
    outcome TEXT,
    at_us INTEGER,
    CHECK ((outcome IS NULL) = (at_us IS NULL))
) STRICT;
CREATE INDEX intents_open ON intents (sync) WHERE outcome IS NULL;
CREATE INDEX intents_settled ON intents (at_us) WHERE outcome IS NOT NULL;

-- How far each feed was read and dealt with: the connector's own text by cursor name.
CREATE TABLE cursors (
    sync TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (sync, name)
) STRICT;

-- The same unit edited on both sides within the window; left_raws and right_raws are msgpack
-- arrays of raw text. identity is a digest of (sync, link, unit, both raws, both times): a
-- decision that recurs updates its row. winner is NULL while a person must decide.
CREATE TABLE conflicts (
    id INTEGER NOT NULL PRIMARY KEY,
    sync TEXT NOT NULL,
    link INTEGER NOT NULL,
    identity BLOB NOT NULL,
    unit TEXT NOT NULL,
    left_raws BLOB NOT NULL,
    right_raws BLOB NOT NULL,
    left_us INTEGER NOT NULL,
    right_us INTEGER NOT NULL,
    rule TEXT NOT NULL,
    winner TEXT CHECK (winner IN ('left', 'right')),
    uncertain INTEGER NOT NULL CHECK (uncertain IN (0, 1)),
    outcome TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    UNIQUE (link, identity)
) STRICT;
CREATE INDEX conflicts_outcome ON conflicts (sync, outcome);
CREATE INDEX conflicts_closed ON conflicts (at_us) WHERE outcome <> 'open';

-- One row for each unit that we changed in an app, or whose value lost (lost = 1): append-only,
-- pruned by age. before_raws and after_raws are msgpack arrays of raw text of that side.
CREATE TABLE history (
    id INTEGER NOT NULL PRIMARY KEY,
    sync TEXT NOT NULL,
    link INTEGER NOT NULL,
    side TEXT NOT NULL CHECK (side IN ('left', 'right')),
    record_id TEXT NOT NULL,
    unit TEXT NOT NULL,
    rule TEXT NOT NULL,
    before_raws BLOB NOT NULL,
    after_raws BLOB NOT NULL,
    at_us INTEGER NOT NULL,
    lost INTEGER NOT NULL CHECK (lost IN (0, 1))
) STRICT;
CREATE INDEX history_link ON history (link);
CREATE INDEX history_at ON history (at_us);

-- What people asked of a sync by command and is done once; body is `actors.orders.Order`.
-- Written beside a running daemon or while none runs; done_us, outcome and refused are set in
-- the transaction of what it brought about.
CREATE TABLE orders (
    id INTEGER NOT NULL PRIMARY KEY,
    sync TEXT NOT NULL,
    body BLOB NOT NULL,
    asked_by TEXT NOT NULL,
    asked_us INTEGER NOT NULL,
    done_us INTEGER,
    outcome TEXT,
    refused INTEGER CHECK (refused IN (0, 1)),
    CHECK ((done_us IS NULL) = (outcome IS NULL)),
    CHECK ((done_us IS NULL) = (refused IS NULL))
) STRICT;
CREATE INDEX orders_open ON orders (sync) WHERE done_us IS NULL;
CREATE INDEX orders_done ON orders (done_us) WHERE done_us IS NOT NULL;

-- Syncs, or whole connections, that people have paused: a state, not an order.
CREATE TABLE pauses (
    target TEXT NOT NULL PRIMARY KEY,
    asked_by TEXT NOT NULL,
    since_us INTEGER NOT NULL
) STRICT;

-- By such a line the id of a record that was merged into another is still found.
CREATE INDEX history_merged ON history (sync, side, record_id) WHERE rule = 'merged';

-- "tieL": tells our file from any other SQLite database.
PRAGMA application_id = 1953064268;
PRAGMA user_version = 3;
COMMIT;
