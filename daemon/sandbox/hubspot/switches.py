"""One switch per behaviour of the vendor that could not be verified; all strict by default.

Owns the list; each is read at exactly one place and set through the control address.
"""

from __future__ import annotations

from msgspec import Struct, field

__all__ = ["Switches"]


def _create_form() -> dict[str, list[str]]:
    return {"deals": ["dealname", "dealstage"], "companies": ["name"], "contacts": ["email"]}


class Switches(Struct, kw_only=True, forbid_unknown_fields=True):
    """Unverified behaviours; the comment says what True (or the value) does."""

    # New record ids come in random order instead of growing.
    random_ids: bool = False
    # A stage outside the record's pipeline is refused, as is a pipeline without its stage.
    strict_stages: bool = True
    # An owner that is archived, or whose user id was sent, is refused.
    strict_owners: bool = True
    # Writing a value that a property already has moves the modified date all the same.
    equal_write_bumps: bool = False
    # A changed contact count moves the deal's modified date.
    association_bumps: bool = True
    # Merging keeps the primary's id (the vendor's beta) instead of making a third one.
    merge_keeps_primary: bool = False
    # batch/read of a merged id: the survivor, or nothing at all.
    merged_input_omitted: bool = False
    # Moving a deal to a closed stage sets its close date.
    auto_close_date: bool = True
    # A body that is not declared as JSON gets 415.
    strict_content_type: bool = True
    # DELETE of an id that never was: 204, else 404.
    delete_unknown_ok: bool = True
    # A restored record gets a new modified date.
    restore_bumps: bool = True
    # Kept versions per property: contacts and all others.
    history_cap_contacts: int = 45
    history_cap: int = 20
    # The first company of a record becomes its primary one by itself.
    first_company_primary: bool = True
    # 2026-09: required properties of the create form, by type name.
    required_on_create: dict[str, list[str]] = field(default_factory=_create_form)
    # Batch calls of 2026-09 may answer 207 as the older versions do.
    batch_207_in_2026_09: bool = True
    # 429 carries Retry-After.
    retry_after_on_429: bool = False
    # The newer body of a search 429 (`policyName`), else the one of 2021.
    search_429_newer: bool = True
