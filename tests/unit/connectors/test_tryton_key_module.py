"""With the optional server module that gives tieline's key a unique column of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.intents import Done, Exists, Intent, IntentKind
from actors.records import Side
from daemon.connectors.registry import Environment
from daemon.connectors.tryton.connector import TrytonConnector
from daemon.connectors.tryton.schema import KEY_COLUMN
from daemon.sandbox.tryton import seed
from daemon.sandbox.tryton.running import running_tryton
from daemon.sandbox.tryton.server import TrytonInfo
from daemon.sandbox.tryton.template import (
    copy_template,
    find_cache,
    fold_log,
    prepare_template,
    write_config,
)
from tests.support.answer_cutter import cutting
from tests.support.tryton_bench import make_options

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
FIELDS = ("description", "reference", "tieline_key")

FILES = {
    "tieline_key/__init__.py": "",
    "tieline_key/tryton.cfg": """
[tryton]
version=8.2.0
depends:
    ir
    party
    sale_opportunity
[register]
model:
    key.Opportunity
""",
    "tieline_key/key.py": """
from trytond.model import Unique, fields
from trytond.pool import PoolMeta


class Opportunity(metaclass=PoolMeta):
    __name__ = "sale.opportunity"
    tieline_key = fields.Char("Tieline key", strip=False)

    @classmethod
    def __setup__(cls):
        super().__setup__()
        table = cls.__table__()
        cls._sql_constraints.append(
            ("key_unique", Unique(table, table.tieline_key), "party.msg_party_code_unique")
        )
""",
    "tieline_key-8.2.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: k\nVersion: 8.2.0\n",
    "tieline_key-8.2.0.dist-info/entry_points.txt": """
[trytond.modules]
tieline_key = tieline_key
""",
}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def keyed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TrytonInfo]:
    """A server with the module installed."""
    packages, work = tmp_path / "packages", tmp_path / "work"
    for name, text in FILES.items():
        path = packages / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.lstrip())
    monkeypatch.setenv("PYTHONPATH", str(packages))
    work.mkdir()
    database = work / f"{seed.DATABASE}.sqlite"
    copy_template(prepare_template(find_cache(), print), database)
    write_config(work / "trytond.conf", work, "127.0.0.1", 0)
    command = ["-m", "trytond.cli.admin", "-c", str(work / "trytond.conf"), "-d", seed.DATABASE]
    subprocess.run([sys.executable, *command, "-u", KEY_COLUMN], check=True, capture_output=True)
    fold_log(database)
    with running_tryton(work=work, deals=0) as info:
        yield info


def creating(number: int, key: str) -> Intent:
    return Intent(
        id=number,
        sync="s",
        link=number,
        side=Side.RIGHT,
        kind=IntentKind.CREATE,
        units=(),
        values={"description": f"deal {number}", "reference": "taken by a mapping"},
        key=f"tieline:keyed:deals:other:{key}",
    )


async def test_the_key_goes_into_its_own_column_and_the_server_refuses_a_second(
    keyed: TrytonInfo,
) -> None:
    async with cutting(keyed.url) as cutter:
        erp = TrytonConnector(make_options(keyed, url=cutter.url), Environment(app="erp"))
        described = (await erp.describe()).object("deals")
        assert described is not None and described.key_field == KEY_COLUMN
        intent = creating(1, "one")
        (first,) = await erp.write("deals", [intent], FIELDS)
        assert isinstance(first, Done)
        assert first.stored.key == first.stored.values["tieline_key"] == intent.key
        # The look-up before the create sees nothing, as when two daemons create at once.
        cutter.reply_to(b"opportunity.search_read", 200, b'{"id": 1, "result": []}')
        other, twin = await erp.write("deals", [creating(2, "two"), creating(3, "one")], FIELDS)
        assert isinstance(other, Done)
        assert isinstance(twin, Exists) and twin.record_id == first.stored.id
        await erp.aclose()
