-- Orders and pauses of people; ids of merged records.
BEGIN IMMEDIATE;

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

PRAGMA user_version = 3;
COMMIT;
