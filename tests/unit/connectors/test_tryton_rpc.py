"""Sessions and calls against a real server, and what is made of answers that are none."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator

import httpx
import msgspec
import pytest

from actors.errors import AuthError, RateLimitedError, ScopeError, TransientError
from daemon.connectors.registry import Environment
from daemon.connectors.tryton.connector import TrytonConnector
from daemon.connectors.tryton.options import Auth, TrytonOptions
from daemon.connectors.tryton.rpc import Rpc
from daemon.connectors.tryton.wire import Row
from daemon.sandbox.tryton.client import AdminClient
from daemon.sandbox.tryton.server import TrytonInfo
from tests.support.answer_cutter import AnswerCutter, cutting
from tests.support.tryton import tryton, tryton_admin
from tests.support.tryton_bench import make_options

__all__ = ["tryton", "tryton_admin"]

pytestmark = pytest.mark.anyio
LOGIN = b'"common.db.login"'
COUNT = "model.sale.opportunity.search_count"
CONTEXT: Row = {"company": 1, "language": "en"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def cutter(tryton: TrytonInfo) -> AsyncIterator[AnswerCutter]:
    async with cutting(tryton.url) as cutter:
        yield cutter


@pytest.fixture
async def rpc(tryton: TrytonInfo, cutter: AnswerCutter) -> AsyncIterator[Rpc]:
    rpc = Rpc(make_options(tryton, url=cutter.url), Environment(app="erp"))
    yield rpc
    await rpc.aclose()


async def count(rpc: Rpc) -> int:
    return await rpc.call(COUNT, [], 0, None, answer=int, context=CONTEXT)


async def test_one_sign_in_serves_many_calls_with_exactly_three_keys(
    rpc: Rpc, cutter: AnswerCutter
) -> None:
    await count(rpc)
    await count(rpc)
    assert cutter.count(LOGIN) == 1
    for request in cutter.requests:
        body = json.loads(request.partition(b"\r\n\r\n")[2])
        assert set(body) == {"id", "method", "params"}


async def test_an_ended_session_is_renewed_once_and_the_call_repeated(
    rpc: Rpc, cutter: AnswerCutter, tryton: TrytonInfo
) -> None:
    await count(rpc)
    await end_session(tryton, cutter)
    assert await count(rpc) >= 0
    assert cutter.count(LOGIN) == 2


async def end_session(tryton: TrytonInfo, cutter: AnswerCutter) -> None:
    (line,) = {
        line
        for request in cutter.requests
        for line in request.split(b"\r\n")
        if line.lower().startswith(b"authorization:")
    }
    headers = {"Authorization": line.decode().partition(":")[2].strip()}
    body = {"id": 1, "method": "common.db.logout", "params": []}
    async with httpx.AsyncClient(trust_env=False) as http:
        url = f"{tryton.url}{tryton.database}/rpc/"
        answer = await http.post(url, json=body, headers=headers)
        assert answer.status_code == 200


async def test_a_second_refusal_of_a_fresh_session_is_a_fault_of_the_credentials(
    rpc: Rpc, cutter: AnswerCutter
) -> None:
    cutter.reply_to(COUNT.encode(), 401, times=2)
    with pytest.raises(AuthError, match="refuses a session"):
        await count(rpc)
    assert cutter.count(LOGIN) == 2


async def test_a_wrong_password_is_tried_exactly_once(
    tryton: TrytonInfo, cutter: AnswerCutter
) -> None:
    auth = Auth(user="sync", password="wrong")
    rpc = Rpc(make_options(tryton, url=cutter.url, auth=auth), Environment(app="erp"))
    for _ in range(3):
        with pytest.raises(AuthError, match="erp: Tryton refuses the password of user 'sync'"):
            await count(rpc)
    assert cutter.count(LOGIN) == 1
    await rpc.aclose()


async def test_a_throttled_sign_in_waits_as_long_as_tryton_does(
    rpc: Rpc, cutter: AnswerCutter
) -> None:
    cutter.reply_to(LOGIN, 429)
    with pytest.raises(RateLimitedError) as caught:
        await count(rpc)
    assert caught.value.retry_after is not None
    assert caught.value.retry_after.total_seconds() == 300


async def test_a_database_that_is_not_there_is_named(tryton: TrytonInfo) -> None:
    rpc = Rpc(make_options(tryton, database="crn"), Environment(app="erp"))
    with pytest.raises(AuthError, match="no database 'crn'"):
        await count(rpc)
    await rpc.aclose()


@pytest.mark.parametrize("version", ["7.0", "6.8"])
async def test_an_old_series_is_refused_with_its_number(
    version: str, rpc: Rpc, cutter: AnswerCutter
) -> None:
    answer = json.dumps({"id": 1, "result": version}).encode()
    cutter.reply_to(b"common.server.version", 200, answer)
    with pytest.raises(AuthError, match=rf"Tryton {version} .* 8\.0 or later"):
        await count(rpc)


async def test_something_else_than_tryton_at_the_address_is_told_apart(
    rpc: Rpc, cutter: AnswerCutter
) -> None:
    cutter.reply_to(b"common.server.version", 404, b"<html>")
    with pytest.raises(AuthError, match=r"no Tryton server at .* check `url`"):
        await count(rpc)


async def test_an_unreachable_server_is_a_passing_fault(tryton: TrytonInfo) -> None:
    rpc = Rpc(make_options(tryton, url="http://127.0.0.1:9/"), Environment(app="erp"))
    with pytest.raises(TransientError, match="not reached"):
        await count(rpc)
    await rpc.aclose()


async def test_a_transaction_that_postgresql_gave_up_is_a_passing_fault(
    rpc: Rpc, cutter: AnswerCutter
) -> None:
    cutter.reply_to(COUNT.encode(), 503, b"could not serialize")
    with pytest.raises(TransientError, match="status 503"):
        await count(rpc)


async def test_a_page_too_large_for_the_server_is_read_in_halves(
    tryton: TrytonInfo, cutter: AnswerCutter, tryton_admin: AdminClient
) -> None:
    tryton_admin.call("model.sale.opportunity.create", [{"description": "one of many"}] * 9)
    options = make_options(tryton, url=cutter.url, page_size=8)
    connector = TrytonConnector(options, Environment(app="erp"))
    cutter.reply_to(b"opportunity.search_read", 413)
    page = await connector.list_page("deals", ["description"], None)
    assert len(page.records) == 4
    assert page.after == page.records[-1].id
    await connector.aclose()


async def test_a_large_answer_is_decoded(
    rpc: Rpc, tryton_admin: AdminClient, tryton: TrytonInfo
) -> None:
    (deal,) = tryton_admin.call("model.sale.opportunity.create", [{"comment": "x" * 300_000}])
    connector = TrytonConnector(make_options(tryton), Environment(app="erp"))
    fetched = await connector.fetch("deals", [str(deal)], ["comment"])
    assert fetched.records[0].values["comment"] == "x" * 300_000
    await connector.aclose()


async def test_a_user_who_may_only_read_is_told_which_right_is_missing(
    tryton: TrytonInfo, tryton_admin: AdminClient
) -> None:
    auth = make_reader(tryton_admin)
    connector = TrytonConnector(make_options(tryton, auth=auth), Environment(app="erp"))
    assert (await connector.describe()).object("deals") is not None
    with pytest.raises(ScopeError, match=r"'reader' may not create and write sale\.opportunity"):
        await connector.prepare("deals")
    await connector.aclose()


def make_reader(person: AdminClient) -> Auth:
    models = ("sale.opportunity", "company.employee", "company.company", "party.party")
    rights = [{"model": model, "perm_read": True, "perm_write": False} for model in models]
    for row in rights:
        row |= {"perm_create": False, "perm_delete": False}
    (group,) = person.call(
        "model.res.group.create", [{"name": "Readers", "model_access": [["create", rights]]}]
    )
    user = {
        "name": "Reader",
        "login": "reader",
        "password": "reader-Secret-1",
        "groups": [["add", [group]]],
        "companies": [["add", [1]]],
        "company": 1,
    }
    person.call("model.res.user.create", [user])
    return Auth(user="reader", password="reader-Secret-1")


def test_a_password_is_never_shown(tryton: TrytonInfo) -> None:
    assert tryton.password not in repr(make_options(tryton))
    shown = base64.b64encode(tryton.password.encode()).decode()
    assert shown not in repr(make_options(tryton))


@pytest.mark.parametrize(
    ("setting", "value", "complaint"),
    [
        ("url", "erp.example.org", "begin with https"),
        ("url", "http://erp.example.org/", "must use https"),
        ("overlap", -1, "overlap"),
        ("page_size", 0, "page_size"),
        ("database", "", "database"),
        ("no_such_option", 1, "no_such_option"),
    ],
)
def test_options_that_cannot_work_are_refused(setting: str, value: object, complaint: str) -> None:
    settings = {
        "url": "https://erp.example.org/",
        "database": "crm",
        "auth": {"user": "sync", "password": "secret"},
    }
    assert msgspec.convert(settings, TrytonOptions).page_size == 500
    with pytest.raises(msgspec.ValidationError, match=complaint):
        msgspec.convert({**settings, setting: value}, TrytonOptions)
