"""The conformance kit: what every connector must do, whatever its app.

A connector's tests subclass `ConnectorKit` and give a pytest fixture `bench`, an object of the
shape `workbench.Bench`: the connector, and the hands of a person who works in the app beside it.
Mark the subclass for anyio. The kit leaves records behind; it counts on nothing but what it made.
"""

# The names of the tests are the sentences that would stand in their docstrings.
# ruff: noqa: D102

from __future__ import annotations

from msgspec.structs import replace

from actors.intents import Done, Exists, Rejected, Stale, Unknown, Vanished
from actors.ports import Counting
from actors.records import Departure, Gone, Snapshot, key_of
from actors.schema import Field
from actors.values import Kind, Raw, parse
from daemon.connectors.workbench import (
    Bench,
    Feed,
    create,
    create_one,
    list_all,
    read_one,
    unique_text,
    update,
    write,
)


class DescribingKit:
    """What `describe` and `prepare` promise."""

    async def test_the_schema_names_each_field_once_and_knows_the_fields_it_points_to(
        self, bench: Bench
    ) -> None:
        schema = await bench.connector.describe()
        described = schema.object(bench.object_name)
        assert described is not None and schema.account
        names = [field.name for field in described.fields]
        assert len(names) == len(set(names)), "a field is described twice"
        pointers = (
            described.pipeline_field,
            described.stage_field,
            described.amount_field,
            described.currency_field,
        )
        assert {one for one in pointers if one} <= set(names)
        assert set(bench.fields) <= set(names)

    async def test_the_schema_gives_options_to_enums_and_targets_to_references(
        self, bench: Bench
    ) -> None:
        described = (await bench.connector.describe()).object(bench.object_name)
        assert described is not None
        for field in described.fields:
            ids = [option.id for option in field.options]
            assert len(ids) == len(set(ids)), f"{field.name} has an option twice"
            assert not ids or field.kind in (Kind.ENUM, Kind.MULTI_ENUM), field.name
            is_reference = field.kind in (Kind.REFERENCE, Kind.MULTI_REFERENCE)
            assert (field.target is not None) == is_reference, field.name

    async def test_each_stage_belongs_to_one_pipeline(self, bench: Bench) -> None:
        described = (await bench.connector.describe()).object(bench.object_name)
        assert described is not None
        stages = [stage for pipeline in described.pipelines for stage in pipeline.stages]
        assert len({stage.id for stage in stages}) == len(stages)
        assert all(stage.reachable or stage.unreachable for stage in stages)
        assert bool(described.pipelines) == (described.stage_field is not None)

    async def test_the_capabilities_name_the_object_and_batches_above_naught(
        self, bench: Bench
    ) -> None:
        can = bench.connector.capabilities
        assert bench.object_name in can.objects
        assert min(can.read_batch, can.create_batch, can.update_batch) >= 1

    async def test_users_have_ids_of_their_own(self, bench: Bench) -> None:
        users = (await bench.connector.describe()).users
        assert len({user.id for user in users}) == len(users)

    async def test_preparing_again_changes_nothing(self, bench: Bench) -> None:
        await bench.connector.prepare(bench.object_name)
        before = await bench.connector.describe()
        await bench.connector.prepare(bench.object_name)
        assert await bench.connector.describe() == before

    async def test_a_count_by_stage_adds_up_to_the_list(self, bench: Bench) -> None:
        described = (await bench.connector.describe()).object(bench.object_name)
        field = described.stage_field if described is not None else None
        if described is None or field is None or field not in bench.fields:
            return
        if not isinstance(bench.connector, Counting):
            return  # counting is an offer beyond the port
        await bench.make([unique_text("counted") for _ in range(2)])
        stages = [stage.id for line in described.pipelines for stage in line.stages]
        counts = await bench.connector.count(bench.object_name, field, stages)
        found = [record.values[field] for record in await list_all(bench)]
        assert counts == {one: found.count(one) for one in stages}
        assert sum(counts.values()) >= 2


class ReadingKit:
    """What `list_page`, `changes` and `fetch` promise."""

    async def test_the_list_shows_each_record_once(self, bench: Bench) -> None:
        made = await bench.make([unique_text("listed") for _ in range(3)])
        ids = [record.id for record in await list_all(bench)]
        assert len(ids) == len(set(ids))
        assert set(made) <= set(ids)

    async def test_the_list_holds_exactly_the_fields_asked_for(self, bench: Bench) -> None:
        page = await bench.connector.list_page(bench.object_name, bench.fields, None)
        assert page.records
        assert all(set(record.values) == set(bench.fields) for record in page.records)
        assert all(raw != "" for record in page.records for raw in record.values.values())

    async def test_an_edit_after_the_start_is_seen(self, bench: Bench) -> None:
        (record_id,) = await bench.make([unique_text("edited")])
        feed = await Feed.start(bench)
        text = unique_text("edit")
        await bench.edit([record_id], {bench.text_field: text})
        await feed.wait_for({record_id: text})

    async def test_a_record_made_after_the_start_is_seen(self, bench: Bench) -> None:
        feed = await Feed.start(bench)
        text = unique_text("made")
        (record_id,) = await bench.make([text])
        await feed.wait_for({record_id: text})

    async def test_more_equal_times_than_a_page_holds_are_all_seen_once(self, bench: Bench) -> None:
        made = await bench.make([unique_text("tied") for _ in range(bench.page)])
        feed = await Feed.start(bench)
        text = unique_text("tie")
        await bench.edit(made, {bench.text_field: text})
        found = await feed.wait_for(dict.fromkeys(made, text))
        times = [record.id for record in found if record.values[bench.text_field] == text]
        assert sorted(times) == sorted(made), "each edit once"
        assert feed.largest_page < len(made), "they were meant not to fit in one page"

    async def test_nothing_comes_twice_and_an_idle_feed_is_empty(self, bench: Bench) -> None:
        feed = await Feed.start(bench)
        text = unique_text("once")
        (record_id,) = await bench.make([text])
        await feed.wait_for({record_id: text})
        assert record_id not in {record.id for record in await feed.read()}
        assert await feed.read() == []

    async def test_a_cursor_read_again_shows_the_same_again(self, bench: Bench) -> None:
        feed = await Feed.start(bench)
        text = unique_text("again")
        (record_id,) = await bench.make([text])
        cursor = feed.cursor
        await feed.wait_for({record_id: text})
        repeated = Feed(bench, cursor)
        await repeated.wait_for({record_id: text})

    async def test_a_read_by_id_shows_what_the_feed_shows(self, bench: Bench) -> None:
        feed = await Feed.start(bench)
        text = unique_text("same")
        (record_id,) = await bench.make([text])
        found = {record.id: record for record in await feed.wait_for({record_id: text})}
        assert await read_one(bench, record_id) == found[record_id]

    async def test_each_id_read_is_found_or_gone(self, bench: Bench) -> None:
        kept, lost = await bench.make([unique_text("kept"), unique_text("lost")])
        await bench.delete(lost)
        never = str(max(int(kept), int(lost)) + 1_000_000)
        fetched = await bench.connector.fetch(
            bench.object_name, [lost, never, kept, kept], bench.fields
        )
        assert [record.id for record in fetched.records] == [kept]
        assert {gone.id: gone.how for gone in fetched.gone} == {
            lost: bench.departure,
            never: Departure.DELETED,
        }

    async def test_a_deleted_record_leaves_the_list(self, bench: Bench) -> None:
        (record_id,) = await bench.make([unique_text("leaving")])
        await bench.delete(record_id)
        assert record_id not in {record.id for record in await list_all(bench)}


class LookingUpKit:
    """What `lookup` promises."""

    async def test_a_look_up_finds_each_value_s_holders_without_regard_to_case(
        self, bench: Bench
    ) -> None:
        shared, single = unique_text("shared 50% _a\\b"), unique_text("single")
        ids = await bench.make([shared, shared, single, unique_text("other")])
        wanted = [shared.upper(), single, unique_text("held by nobody")]
        found = await bench.connector.lookup(
            bench.object_name, bench.text_field, wanted, bench.fields
        )
        holders = {text: {one.id for one in records} for text, records in found.items()}
        assert holders == {shared.upper(): set(ids[:2]), single: {ids[2]}}
        read = await bench.connector.fetch(bench.object_name, [ids[2]], bench.fields)
        assert found[single] == read.records

    async def test_a_look_up_of_very_many_values_finds_all_holders(self, bench: Bench) -> None:
        texts = [unique_text("many") for _ in range(7)]
        ids = await bench.make(texts)
        wanted = [*texts[:3], *(f"nobody {number}" for number in range(230)), *texts[3:]]
        found = await bench.connector.lookup(
            bench.object_name, bench.text_field, wanted, bench.fields
        )
        assert {text: [one.id for one in records] for text, records in found.items()} == {
            text: [one] for text, one in zip(texts, ids, strict=True)
        }

    async def test_a_deleted_record_is_not_looked_up(self, bench: Bench) -> None:
        text = unique_text("deleted")
        (made,) = await bench.make([text])
        await bench.delete(made)
        found = await bench.connector.lookup(
            bench.object_name, bench.text_field, [text], bench.fields
        )
        assert found == {}


class CreatingKit:
    """What `write` promises of creates, and `find`."""

    async def test_a_create_answers_with_the_record_as_it_is_stored(self, bench: Bench) -> None:
        intent, stored = await create_one(bench, unique_text("stored"))
        assert stored.key == intent.key
        assert set(stored.values) == set(bench.fields)
        assert (await read_one(bench, stored.id)).values == stored.values

    async def test_a_second_create_of_a_key_finds_the_first_and_writes_nothing(
        self, bench: Bench
    ) -> None:
        intent, stored = await create_one(bench, unique_text("twice"))
        text = unique_text("a person wrote this")
        await bench.edit([stored.id], {bench.text_field: text})
        (outcome,) = await write(bench, replace(intent, attempts=1))
        assert isinstance(outcome, Exists), outcome
        assert outcome.record_id == stored.id
        assert (await read_one(bench, stored.id)).values[bench.text_field] == text

    async def test_a_key_is_found_and_an_absent_one_is_left_out(self, bench: Bench) -> None:
        intent, stored = await create_one(bench, unique_text("found"))
        assert intent.key is not None
        absent = key_of("kit", bench.object_name, "other", "never-made")
        found = await bench.connector.find(bench.object_name, [absent, intent.key], bench.fields)
        assert set(found) == {intent.key}
        there = found[intent.key]
        assert isinstance(there, Snapshot)
        assert (there.id, there.values) == (stored.id, stored.values)

    async def test_a_key_of_a_deleted_record_is_never_used_for_a_live_one_unnoticed(
        self, bench: Bench
    ) -> None:
        intent, stored = await create_one(bench, unique_text("buried"))
        assert intent.key is not None
        await bench.delete(stored.id)
        found = await bench.connector.find(bench.object_name, [intent.key], bench.fields)
        if bench.departure is Departure.ARCHIVED:
            assert found == {intent.key: Gone(id=stored.id, how=Departure.ARCHIVED)}
        else:
            assert found == {}

    async def test_a_refused_record_fails_alone(self, bench: Bench) -> None:
        texts = [unique_text("batch") for _ in range(4)]
        intents = [create(bench, text) for text in texts]
        intents[1] = create(bench, texts[1], **bench.refused)
        outcomes = await write(bench, *intents)
        assert isinstance(outcomes[1], Rejected), outcomes[1]
        assert outcomes[1].reason
        assert [type(one) for one in (*outcomes[:1], *outcomes[2:])] == [Done] * 3
        written = [one.stored.values[bench.text_field] for one in outcomes if isinstance(one, Done)]
        assert written == [texts[0], texts[2], texts[3]], "outcomes are in the order of intents"

    async def test_a_create_whose_answer_is_lost_is_unknown_and_can_be_found(
        self, bench: Bench
    ) -> None:
        intent = create(bench, unique_text("answer lost"))
        assert intent.key is not None
        await bench.lose_next_answer()
        (outcome,) = await write(bench, intent)
        assert isinstance(outcome, Unknown), outcome
        found = await bench.connector.find(bench.object_name, [intent.key], bench.fields)
        there = found[intent.key]
        assert isinstance(there, Snapshot)
        (again,) = await write(bench, replace(intent, attempts=1))
        assert isinstance(again, Exists) and again.record_id == there.id


class UpdatingKit:
    """What `write` promises of updates, and `edits`."""

    async def test_every_sample_of_every_field_comes_back_as_written(self, bench: Bench) -> None:
        described = (await bench.connector.describe()).object(bench.object_name)
        assert described is not None
        _, stored = await create_one(bench, unique_text("round trip"))
        for name, raws in bench.samples.items():
            field = described.field(name)
            assert field is not None and field.writable, name
            for raw in raws:
                stored = await self._write_one(bench, stored, field, raw)

    async def _write_one(self, bench: Bench, stored: Snapshot, field: Field, raw: Raw) -> Snapshot:
        (outcome,) = await write(bench, update(bench, stored, {field.name: raw}))
        assert isinstance(outcome, Done), (field.name, raw, outcome)
        told = outcome.stored.values[field.name]
        assert parse(field.kind, told) == parse(field.kind, raw), (field.name, raw, told)
        assert set(outcome.stored.values) == set(bench.fields)
        read = await read_one(bench, stored.id)
        assert read.values[field.name] == told, (field.name, raw)
        return read

    async def test_an_update_changes_only_what_it_names(self, bench: Bench) -> None:
        _, stored = await create_one(bench, unique_text("only"))
        text = unique_text("named")
        (outcome,) = await write(bench, update(bench, stored, {bench.text_field: text}))
        assert isinstance(outcome, Done), outcome
        assert (await read_one(bench, stored.id)).values == {
            **stored.values,
            bench.text_field: text,
        }

    async def test_our_own_update_is_read_back_with_the_version_it_was_answered_with(
        self, bench: Bench
    ) -> None:
        _, stored = await create_one(bench, unique_text("echo"))
        (outcome,) = await write(
            bench, update(bench, stored, {bench.text_field: unique_text("echoed")})
        )
        assert isinstance(outcome, Done), outcome
        assert (await read_one(bench, stored.id)).values == outcome.stored.values

    async def test_a_refused_update_fails_alone(self, bench: Bench) -> None:
        stored = [(await create_one(bench, unique_text("batch")))[1] for _ in range(3)]
        texts = [unique_text("changed") for _ in stored]
        intents = [
            update(bench, one, {bench.text_field: text})
            for one, text in zip(stored, texts, strict=True)
        ]
        intents[2] = update(bench, stored[2], bench.refused)
        outcomes = await write(bench, *intents)
        assert [type(one) for one in outcomes] == [Done, Done, Rejected], outcomes
        assert (await read_one(bench, stored[2].id)).values == stored[2].values

    async def test_an_update_of_a_deleted_record_says_so_and_the_others_are_written(
        self, bench: Bench
    ) -> None:
        _, lost = await create_one(bench, unique_text("lost"))
        _, kept = await create_one(bench, unique_text("kept"))
        await bench.delete(lost.id)
        values = {bench.text_field: unique_text("late")}
        outcomes = await write(bench, update(bench, lost, values), update(bench, kept, values))
        assert outcomes[0] == Vanished(how=bench.departure)
        assert isinstance(outcomes[1], Done), outcomes[1]

    async def test_an_update_whose_answer_is_lost_is_unknown(self, bench: Bench) -> None:
        _, stored = await create_one(bench, unique_text("unsure"))
        text = unique_text("lost answer")
        await bench.lose_next_answer()
        (outcome,) = await write(bench, update(bench, stored, {bench.text_field: text}))
        assert isinstance(outcome, Unknown), outcome
        assert (await read_one(bench, stored.id)).values[bench.text_field] == text

    async def test_a_stale_version_is_refused_where_the_app_has_a_lock(self, bench: Bench) -> None:
        _, stored = await create_one(bench, unique_text("locked"))
        text = unique_text("a person was first")
        await bench.edit([stored.id], {bench.text_field: text})
        (outcome,) = await write(
            bench, update(bench, stored, {bench.text_field: unique_text("too late")})
        )
        if not bench.connector.capabilities.lock:
            assert isinstance(outcome, Done), outcome
            return
        assert isinstance(outcome, Stale), outcome
        assert (await read_one(bench, stored.id)).values[bench.text_field] == text

    async def test_history_is_newest_first_and_tells_our_edits_from_a_persons(
        self, bench: Bench
    ) -> None:
        _, stored = await create_one(bench, unique_text("history"))
        ours, theirs = unique_text("ours"), unique_text("theirs")
        await write(bench, update(bench, stored, {bench.text_field: ours}))
        await bench.edit([stored.id], {bench.text_field: theirs})
        edits = await bench.connector.edits(bench.object_name, {stored.id: [bench.text_field]})
        if not bench.connector.capabilities.history:
            assert edits == {}
            return
        newest, older = edits[stored.id, bench.text_field][:2]
        assert (newest.value, newest.ours) == (theirs, False)
        assert (older.value, older.ours) == (ours, True)
        assert newest.at >= older.at


class ConnectorKit(DescribingKit, ReadingKit, LookingUpKit, CreatingKit, UpdatingKit):
    """All that every connector must do."""
