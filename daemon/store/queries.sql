-- Every statement of the store, by name; `queries.py` lists the names. A test asks SQLite for
-- the plan of each. `?` takes a JSON array where it stands in json_each. CROSS JOIN fixes the
-- order: the array drives, the index is looked up once per id.

-- name: load_left
SELECT l.id, l.sync, l.left_end, l.right_end, l.status, l.reason, l.due_us, l.attempts, l.recover,
    wanted.value
FROM json_each(?2) AS wanted CROSS JOIN links AS l ON l.sync = ?1 AND l.left_id = wanted.value

-- name: load_right
SELECT l.id, l.sync, l.left_end, l.right_end, l.status, l.reason, l.due_us, l.attempts, l.recover,
    wanted.value
FROM json_each(?2) AS wanted CROSS JOIN links AS l ON l.sync = ?1 AND l.right_id = wanted.value

-- name: load_links
SELECT l.id, l.sync, l.left_end, l.right_end, l.status, l.reason, l.due_us, l.attempts, l.recover
FROM json_each(?1) AS wanted CROSS JOIN links AS l ON l.id = wanted.value

-- name: load_by_keys
-- Of each key the first ?4 links; the inner search is run once per key.
SELECT l.id, l.sync, l.left_end, l.right_end, l.status, l.reason, l.due_us, l.attempts, l.recover,
    wanted.value
FROM json_each(?3) AS wanted CROSS JOIN links AS l ON l.id IN (
    SELECT k.link FROM match_keys AS k WHERE k.sync = ?1 AND k.side = ?2 AND k.key = wanted.value
    ORDER BY k.link LIMIT ?4)

-- name: load_due
SELECT id, sync, left_end, right_end, status, reason, due_us, attempts, recover
FROM links WHERE sync = ?1 AND due_us <= ?2 ORDER BY due_us, id LIMIT ?3

-- name: page_links
-- +sync: walk the table in id order; by an index on sync every page would sort them all.
SELECT id, sync, left_end, right_end, status, reason, due_us, attempts, recover
FROM links WHERE +sync = ?1 AND id > ?2 ORDER BY id LIMIT ?3

-- name: load_intents
SELECT body FROM intents WHERE sync = ?1 AND outcome IS NULL ORDER BY id

-- name: load_cursor
SELECT value FROM cursors WHERE sync = ?1 AND name = ?2

-- name: load_conflicts
SELECT sync, link, unit, left_raws, right_raws, left_us, right_us, rule, winner, uncertain,
    outcome, at_us, id
FROM conflicts WHERE link = ?2 AND sync = ?1 ORDER BY id DESC

-- name: load_last_id
SELECT value FROM meta WHERE name = 'last_id'

-- name: known_links
SELECT l.id, l.sync, l.left_id, l.right_id
FROM json_each(?1) AS wanted CROSS JOIN links AS l ON l.id = wanted.value

-- name: known_keys
SELECT k.sync, k.side, k.key, k.link
FROM json_each(?1) AS wanted CROSS JOIN match_keys AS k ON k.link = wanted.value

-- name: drop_keys
DELETE FROM match_keys WHERE sync = ?1 AND side = ?2 AND key = ?3 AND link = ?4

-- name: write_keys
INSERT INTO match_keys (sync, side, key, link) VALUES (?1, ?2, ?3, ?4)

-- name: drop_links
DELETE FROM links WHERE id = ?1

-- name: release_links
-- Before rows change owners of a record: the unique indexes are checked row by row.
UPDATE links SET left_id = NULL, left_end = NULL, right_id = NULL, right_end = NULL, sides = 0
WHERE id = ?1

-- name: insert_links
INSERT INTO links (id, sync, left_id, left_end, right_id, right_end, status, reason, due_us,
    attempts, recover, sides)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, (?3 IS NOT NULL) + 2 * (?5 IS NOT NULL))

-- name: update_links
-- Leaves out the record ids, so that SQLite need not touch the unique indexes.
UPDATE links SET left_end = ?4, right_end = ?6, status = ?7, reason = ?8, due_us = ?9,
    attempts = ?10, recover = ?11
WHERE id = ?1

-- name: move_links
UPDATE links SET sync = ?2, left_id = ?3, left_end = ?4, right_id = ?5, right_end = ?6,
    status = ?7, reason = ?8, due_us = ?9, attempts = ?10, recover = ?11,
    sides = (?3 IS NOT NULL) + 2 * (?5 IS NOT NULL)
WHERE id = ?1

-- name: write_intents
-- A settled intent is not reopened: the row count tells.
INSERT INTO intents (id, sync, link, attempts, body) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (id) DO UPDATE SET sync = excluded.sync, link = excluded.link,
    attempts = excluded.attempts, body = excluded.body
WHERE outcome IS NULL

-- name: settle_intents
UPDATE intents SET outcome = ?2, at_us = ?3 WHERE id = ?1 AND outcome IS NULL

-- name: write_conflicts
INSERT INTO conflicts (sync, link, identity, unit, left_raws, right_raws, left_us, right_us, rule,
    winner, uncertain, outcome, at_us)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
ON CONFLICT (link, identity) DO UPDATE SET rule = excluded.rule, winner = excluded.winner,
    uncertain = excluded.uncertain, outcome = excluded.outcome

-- name: add_history
INSERT INTO history (sync, link, side, record_id, unit, rule, before_raws, after_raws, at_us, lost)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)

-- name: write_cursors
INSERT INTO cursors (sync, name, value) VALUES (?1, ?2, ?3)
ON CONFLICT (sync, name) DO UPDATE SET value = excluded.value

-- name: mark_last_id
UPDATE meta SET value = max(value, ?1) WHERE name = 'last_id'

-- name: load_orders
SELECT id, sync, body, asked_by, asked_us FROM orders
WHERE sync = ?1 AND done_us IS NULL ORDER BY id

-- name: end_orders
UPDATE orders SET outcome = ?2, done_us = ?3, refused = ?4 WHERE id = ?1 AND done_us IS NULL

-- name: add_order
INSERT INTO orders (sync, body, asked_by, asked_us) VALUES (?1, ?2, ?3, ?4)

-- name: last_order
SELECT last_insert_rowid()

-- name: open_orders
SELECT id, sync, body, asked_by, asked_us FROM orders WHERE done_us IS NULL ORDER BY sync, id

-- name: find_order
SELECT outcome, refused FROM orders WHERE id = ?1

-- name: add_pause
INSERT INTO pauses (target, asked_by, since_us) VALUES (?1, ?2, ?3)
ON CONFLICT (target) DO NOTHING

-- name: drop_pause
DELETE FROM pauses WHERE target = ?1

-- name: list_pauses
SELECT target, asked_by, since_us FROM pauses ORDER BY target

-- name: find_merged
SELECT link FROM history WHERE rule = 'merged' AND sync = ?1 AND side = ?2 AND record_id = ?3
ORDER BY id DESC LIMIT 1

-- name: find_conflict
SELECT sync, link, unit, left_raws, right_raws, left_us, right_us, rule, winner, uncertain,
    outcome, at_us, id
FROM conflicts WHERE id = ?1

-- name: list_link_conflicts
SELECT sync, link, unit, left_raws, right_raws, left_us, right_us, rule, winner, uncertain,
    outcome, at_us, id
FROM conflicts WHERE link = ?1 ORDER BY id DESC

-- name: prune_history
-- Lines of merges stay: by them an old id is found.
DELETE FROM history WHERE id IN (
    SELECT id FROM history WHERE at_us < ?1 AND rule <> 'merged' ORDER BY at_us LIMIT ?2)

-- name: prune_conflicts
DELETE FROM conflicts WHERE id IN (
    SELECT id FROM conflicts WHERE outcome <> 'open' AND at_us < ?1 ORDER BY at_us LIMIT ?2)

-- name: prune_intents
DELETE FROM intents WHERE id IN (
    SELECT id FROM intents WHERE outcome IS NOT NULL AND at_us < ?1 ORDER BY at_us LIMIT ?2)

-- name: prune_orders
DELETE FROM orders WHERE id IN (
    SELECT id FROM orders WHERE done_us IS NOT NULL AND done_us < ?1 ORDER BY done_us LIMIT ?2)

-- name: size_bytes
SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()

-- name: count_all
-- Both counts come from the unique indexes alone; blobs are never read.
SELECT sync, sum(links), sum(lefts), sum(rights) FROM (
    SELECT sync, count(*) AS links, count(left_id) AS lefts, 0 AS rights
    FROM links INDEXED BY sqlite_autoindex_links_1 GROUP BY sync
    UNION ALL
    SELECT sync, 0, 0, count(right_id) FROM links INDEXED BY sqlite_autoindex_links_2 GROUP BY sync
) GROUP BY sync ORDER BY sync

-- name: count_trouble
SELECT sync, status, reason, count(*), sum(sides & 1), sum(sides >> 1)
FROM links INDEXED BY links_trouble WHERE status <> 'in sync'
GROUP BY sync, status, reason ORDER BY sync, status, reason

-- name: list_in_sync
SELECT id, sync, left_end, right_end, status, reason, due_us, attempts, recover
FROM links WHERE +sync = ?1 AND status = 'in sync' AND id > ?2 ORDER BY id LIMIT ?3

-- name: list_trouble
-- Sorts what the index finds; by id alone it would read the blobs of all that is in sync.
SELECT id, sync, left_end, right_end, status, reason, due_us, attempts, recover
FROM links INDEXED BY links_trouble WHERE sync = ?1 AND status = ?2 AND status <> 'in sync' AND id > ?3
ORDER BY id LIMIT ?4

-- name: count_conflicts
SELECT sync, outcome, count(*) FROM conflicts GROUP BY sync, outcome ORDER BY sync, outcome

-- name: list_conflicts
SELECT sync, link, unit, left_raws, right_raws, left_us, right_us, rule, winner, uncertain,
    outcome, at_us, id
FROM conflicts WHERE id < ?1 ORDER BY id DESC LIMIT ?2

-- name: list_open_conflicts
SELECT sync, link, unit, left_raws, right_raws, left_us, right_us, rule, winner, uncertain,
    outcome, at_us, id
FROM conflicts WHERE sync = ?1 AND outcome = 'open' AND id < ?2 ORDER BY id DESC LIMIT ?3

-- name: link_history
SELECT sync, link, side, record_id, unit, rule, before_raws, after_raws, at_us, lost, id
FROM history WHERE link = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3

-- name: list_history
SELECT sync, link, side, record_id, unit, rule, before_raws, after_raws, at_us, lost, id
FROM history WHERE id < ?1 ORDER BY id DESC LIMIT ?2

-- name: count_intents
SELECT sync, count(*) FROM intents WHERE outcome IS NULL GROUP BY sync ORDER BY sync

-- name: link_intents
SELECT body FROM intents WHERE sync = ?1 AND link = ?2 AND outcome IS NULL ORDER BY id

-- name: list_cursors
SELECT sync, name, value FROM cursors ORDER BY sync, name
