from __future__ import annotations

import time

import httpx
import msgspec
import pytest

from daemon.sandbox.hubspot.faults import FaultRule, Faults
from tests.support.hubspot_calls import DEALS, Json, make, ok, read, refused
from tests.support.hubspot_process import Sandbox


def write(sandbox: Sandbox, record_id: str, amount: str) -> httpx.Response:
    return sandbox.http.patch(f"{DEALS}/{record_id}", json={"properties": {"amount": amount}})


def amount(sandbox: Sandbox, record_id: str) -> str:
    return str(read(sandbox, record_id)["properties"]["amount"])


@pytest.mark.parametrize(
    ("rule", "status", "text"),
    [
        ({"error": "ten_secondly"}, 429, "You have reached your ten_secondly_rolling limit."),
        ({"error": "daily"}, 429, "You have reached your daily limit."),
        ({"error": "secondly"}, 429, "You have reached your secondly limit."),
        ({"error": "locked"}, 423, "lock"),
        ({"status": 477, "retryAfter": 3}, 477, "migrated"),
        ({"error": "expired"}, 401, "expired 12 second(s) ago."),
        ({"error": "unauthorised"}, 401, "credentials not found"),
        ({"status": 500}, 500, "internal error"),
        ({"status": 418}, 418, "problem"),
    ],
)
def test_errors_come_in_the_vendors_bodies(
    sandbox: Sandbox, rule: Json, status: int, text: str
) -> None:
    with sandbox.fault(kind="status", **rule):
        answer = sandbox.http.get(DEALS)
        refused(answer, status, text)
        assert answer.headers.get("retry-after") == (
            str(rule["retryAfter"]) if "retryAfter" in rule else None
        )
        ok(sandbox.http.get(DEALS))


@pytest.mark.parametrize("status", [502, 503, 504, 524, 530])
def test_the_edge_answers_in_html(sandbox: Sandbox, status: int) -> None:
    with sandbox.fault(kind="status", status=status):
        answer = sandbox.http.get(DEALS)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(("when", "expected"), [("before", "1"), ("after", "2")])
@pytest.mark.parametrize("kind", ["status", "cut"])
def test_work_is_lost_before_and_kept_after(
    sandbox: Sandbox, kind: str, when: str, expected: str
) -> None:
    made = make(sandbox, amount="1")["id"]
    more = {"status": 500} if kind == "status" else {}
    with sandbox.fault(kind=kind, method="PATCH", path="/deals/", when=when, **more):
        if kind == "status":
            refused(write(sandbox, made, "2"), 500, "internal error")
        else:
            with pytest.raises(httpx.RemoteProtocolError):
                write(sandbox, made, "2")
    assert amount(sandbox, made) == expected


def test_a_body_can_be_cut_off_or_be_no_json(sandbox: Sandbox) -> None:
    made = make(sandbox, amount="1")["id"]
    with sandbox.fault(kind="truncate"), pytest.raises(httpx.RemoteProtocolError):
        write(sandbox, made, "2")
    assert amount(sandbox, made) == "2"
    with sandbox.fault(kind="garbage"):
        answer = write(sandbox, made, "3")
    assert answer.status_code == 200
    with pytest.raises(ValueError, match="Expecting value"):
        answer.json()
    assert amount(sandbox, made) == "3"


def test_an_answer_can_be_slow(sandbox: Sandbox) -> None:
    with sandbox.fault(kind="latency", seconds=0.05):
        before = time.monotonic()
        ok(sandbox.http.get(DEALS))
        assert time.monotonic() - before >= 0.05


@pytest.mark.parametrize("traced", [True, False])
def test_inputs_of_a_batch_can_fail(sandbox: Sandbox, traced: bool) -> None:
    ids = [make(sandbox, amount="1")["id"] for _ in range(3)]
    inputs: list[Json] = [{"id": one, "properties": {"amount": "2"}} for one in ids]
    for number, entry in enumerate(inputs):
        entry |= {"objectWriteTraceId": f"t-{number}"} if traced else {}
    with sandbox.fault(kind="fail_inputs", path="batch/update", inputs=[0, 2]):
        answer = sandbox.http.post(f"{DEALS}/batch/update", json={"inputs": inputs})
    if traced:
        body = ok(answer, 207)
        assert [one["id"] for one in body["results"]] == [ids[1]]
        assert [one["context"]["objectWriteTraceId"] for one in body["errors"]] == [
            ["t-0"],
            ["t-2"],
        ]
        assert [amount(sandbox, one) for one in ids] == ["1", "2", "1"]
    else:
        refused(answer, 400, "There was a problem")
        assert [amount(sandbox, one) for one in ids] == ["1", "1", "1"]
    with sandbox.fault(kind="fail_inputs", path="batch/read"):
        body = {"inputs": [{"id": one} for one in ids]}
        mixed = ok(sandbox.http.post(f"{DEALS}/batch/read", json=body), 207)
        assert mixed["errors"][0]["context"]["ids"] == [ids[1]]


def test_rules_pick_calls_by_method_path_count_and_place() -> None:
    faults = Faults()
    faults.add(
        FaultRule(kind="cut", method="post", path=r"batch/(create|update)$", after=1, count=2)
    )
    calls = [("GET", "/x/batch/create"), *[("POST", "/x/batch/create")] * 5]
    assert [bool(faults.fire(*call).rules) for call in calls] == [
        False,
        False,
        True,
        True,
        False,
        False,
    ]


def test_chances_are_the_same_for_the_same_seed() -> None:
    def hits(seed: int) -> list[bool]:
        faults = Faults()
        faults.add(FaultRule(kind="cut", probability=0.3, seed=seed, count=None))
        return [bool(faults.fire("GET", "/").rules) for _ in range(200)]

    assert hits(1) == hits(1) != hits(2)
    assert 30 <= sum(hits(1)) <= 90


@pytest.mark.parametrize(
    "rule",
    [
        b'{"kind":"status"}',
        b'{"kind":"status","error":"nope"}',
        b'{"kind":"cut","path":"("}',
        b'{"kind":"cut","paht":"x"}',
        b'{"kind":"melt"}',
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(rule: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(rule, type=FaultRule)


def test_the_request_log_tells_every_call_in_order(sandbox: Sandbox) -> None:
    start = sandbox.log()["last"]
    made = make(sandbox)["id"]
    sandbox.http.post(f"{DEALS}/batch/read?x=1", json={"inputs": [{"id": made}, {"id": "1"}]})
    sandbox.http.get("/nowhere")
    with sandbox.fault(kind="cut", when="after"), pytest.raises(httpx.RemoteProtocolError):
        write(sandbox, made, "2")
    told = sandbox.log(since=start)["requests"]
    assert [(one["method"], one["status"], one["write"]) for one in told] == [
        ("POST", 201, True),
        ("POST", 207, False),
        ("GET", 404, False),
        ("PATCH", 0, True),
    ]
    assert [one["sequence"] for one in told] == list(range(start + 1, start + 5))
    assert told[1]["inputs"] == 2
    assert told[1]["query"] == "x=1"
    assert told[1]["objectType"] == "deals"
    assert told[1]["token"] == "sandbox"
    assert told[3]["fault"] == "cut"
