"""The configurations that are measured: all deals of the sandbox are in scope."""

from __future__ import annotations

from pathlib import Path

from daemon.config.load import load_config
from daemon.config.settings import Config
from daemon.sandbox.tryton.server import TrytonInfo
from tests.support.hubspot_process import Sandbox

TOKEN = "pat-na1-bench"

# All stages; deals that are won go to `lead`, since in Tryton only people win deals.
_STAGES = {
    "Sales Pipeline": {
        "Appointment Scheduled": "lead",
        "Qualified To Buy": "opportunity",
        "Presentation Scheduled": "opportunity",
        "Decision Maker Bought-In": "opportunity",
        "Contract Sent": "opportunity",
        "Closed Won": "lead",
        "Closed Lost": "lost",
    },
    "Partner Pipeline": {
        "Partner Identified": "lead",
        "Registered": "opportunity",
        "Joint Proposal": "opportunity",
        "Partner Won": "lead",
        "Partner Lost": "lost",
    },
}
_TWIN_FIELDS = ("dealname", "amount", "closedate", "description", "dealtype", "hs_next_step")


def _hubspot(name: str, sandbox: Sandbox) -> str:
    # No search may wait for its turn: what tieline itself costs is measured, not the limit.
    return (
        f'  {name}: {{type: hubspot, base_url: "{sandbox.url}", hold: 0s,'
        f' search_per_second: 1000000, auth: {{token: "${{env:BENCH_TOKEN}}"}}}}\n'
    )


def _head(port: int) -> str:
    return f'daemon: {{store: state.db, listen: "127.0.0.1:{port}"}}\napps:\n'


def _write(folder: Path, text: str, **secrets: str) -> Config:
    file = folder / "tieline.yaml"
    file.write_text(text)
    return load_config(file, environment={"BENCH_TOKEN": TOKEN, **secrets})


def twins(
    folder: Path, left: Sandbox, right: Sandbox, *, port: int = 0, poll: str = "1h"
) -> Config:
    """Two HubSpot accounts with the same six fields and all stages."""
    text = _head(port) + _hubspot("hubspot", left) + _hubspot("second", right)
    text += f"connections:\n  sales:\n    between: [hubspot, second]\n    poll: {poll}\n"
    text += "    presence: 24h\n    deals:\n      pipelines:\n"
    for pipeline, stages in _STAGES.items():
        text += f"        - hubspot: {pipeline}\n          second: {pipeline}\n          stages:\n"
        text += "".join(f'            - ["{stage}", "{stage}"]\n' for stage in stages)
    text += "      fields:\n"
    text += "".join(f"        - {{hubspot: {one}, second: {one}}}\n" for one in _TWIN_FIELDS)
    return _write(folder, text)


def with_tryton(folder: Path, left: Sandbox, erp: TrytonInfo) -> Config:
    """HubSpot and a real Tryton."""
    text = _head(0) + _hubspot("hubspot", left)
    text += (
        f'  erp: {{type: tryton, url: "{erp.url}", database: {erp.database},\n'
        f'    auth: {{user: {erp.user}, password: "${{env:ERP_PASSWORD}}"}},\n'
        "    default_party: 1, default_employee: 1}\n"
        "connections:\n  sales:\n    between: [hubspot, erp]\n    poll: 1h\n"
        "    presence: 24h\n    deals:\n      pipelines:\n"
    )
    for pipeline, stages in _STAGES.items():
        text += f"        - hubspot: {pipeline}\n          erp: opportunities\n          stages:\n"
        text += "".join(f'            - ["{stage}", {state}]\n' for stage, state in stages.items())
    text += (
        "      fields:\n"
        "        - {hubspot: dealname, erp: description}\n"
        "        - {hubspot: amount, erp: amount}\n"
        "        - {hubspot: closedate, erp: end_date}\n"
    )
    return _write(folder, text, ERP_PASSWORD=erp.password)
