"""The configuration that the demo writes, and what in it the demo itself must know."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from daemon.sandbox.tryton.server import TrytonInfo

NAME = "tieline.yaml"
TOKEN_VARIABLE, PASSWORD_VARIABLE = "HUBSPOT_TOKEN", "ERP_PASSWORD"

STAGES = {"Appointment Scheduled": "lead", "Qualified To Buy": "opportunity", "Closed Lost": "lost"}
"""HubSpot stage to Tryton state."""

OWNERS = {
    "ann.lee@tieline.example": "kari@fjord.example",
    "bjorn.solheim@tieline.example": "ola@fjord.example",
}
"""HubSpot owner to Tryton employee: their addresses differ, so the configuration pairs them."""

_TEXT = """\
daemon:
  listen: 127.0.0.1:{port} # /metrics for Prometheus, /healthz for whoever watches
  store: tieline.db # all that tieline must remember

apps:
  hubspot:
    type: hubspot
    base_url: {hubspot_url} # only for the sandbox
    auth: {{token: "${{env:HUBSPOT_TOKEN}}"}} # secrets only by reference
    hold: 1s # only for the sandbox, whose index is quick
  erp:
    type: tryton
    url: {tryton_url}
    database: {database}
    auth: {{user: {user}, password: "${{env:ERP_PASSWORD}}"}}
    default_party: Kunde 00 AS # Tryton's opportunities must have a party
    default_employee: Kari Selger # and an employee: for deals that come without

connections:
  sales:
    between: [hubspot, erp]
    poll: 1s
    deals:
      direction: both
      conflicts: {{prefer: hubspot, window: 5m}} # edits of one field this close: HubSpot wins
      pipelines:
        - hubspot: Sales Pipeline
          erp: opportunities
          stages: # deals in other stages do not sync
            Appointment Scheduled: lead
            Qualified To Buy: opportunity
            Closed Lost: lost
      fields:
        - {{hubspot: dealname, erp: description}}
        - {{hubspot: amount, erp: amount}} # the currency travels with it
        - {{hubspot: closedate, erp: end_date}}
        - {{hubspot: hubspot_owner_id, erp: employee}}
      owners:
        overrides: # only where the e-mail addresses differ
          {owners}
"""

_LAST_FIELD = "        - {hubspot: hubspot_owner_id, erp: employee}\n"
NEW_FIELD = "        - {hubspot: description, erp: comment}\n"
_COMMENTS_AT = 55
_RIGHT_STAGE, WRONG_STAGE = "Qualified To Buy:", "Qualified To By:"


class Addresses(Struct, frozen=True, kw_only=True):
    """Where everything is."""

    hubspot_url: str
    tryton: TrytonInfo
    port: int

    @property
    def daemon_url(self) -> str:
        """The daemon's own address."""
        return f"http://127.0.0.1:{self.port}"


def write_config(folder: Path, addresses: Addresses) -> str:
    """Write the first configuration and return it."""
    text = _TEXT.format(
        port=addresses.port,
        hubspot_url=addresses.hubspot_url,
        tryton_url=addresses.tryton.url,
        database=addresses.tryton.database,
        user=addresses.tryton.user,
        owners="\n          ".join(f"{one}: {two}" for one, two in OWNERS.items()),
    )
    return save(folder, "".join(map(_align, text.splitlines(keepends=True))))


def _align(line: str) -> str:
    """Put a line's comment where all comments are."""
    code, mark, comment = line.partition(" # ")
    return f"{code:<{_COMMENTS_AT}}# {comment}" if mark else line


def save(folder: Path, text: str) -> str:
    """Write a configuration and return it."""
    (folder / NAME).write_text(text)
    return text


def with_field(text: str) -> str:
    """Return the configuration with one field more."""
    return text.replace(_LAST_FIELD, _LAST_FIELD + NEW_FIELD)


def with_wrong_stage(text: str) -> str:
    """Return the configuration with a stage that HubSpot does not have."""
    return text.replace(_RIGHT_STAGE, WRONG_STAGE)
