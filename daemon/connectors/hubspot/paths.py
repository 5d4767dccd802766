"""Where HubSpot's calls live, by API version: dated paths and the numbered ones before them."""

from __future__ import annotations

from typing import Literal, TypeAlias

Version: TypeAlias = Literal["2026-03", "2026-09", "v3"]
DEFAULT_VERSION: Version = "2026-03"
NUMBERED: Version = "v3"


class Paths:
    """The paths of one API version."""

    def __init__(self, version: Version) -> None:
        self._version = version

    def objects(self, kind: str, tail: str = "") -> str:
        """Records of a type."""
        return self._crm("objects", f"/{kind}{tail}")

    def properties(self, kind: str, tail: str = "") -> str:
        """Property definitions of a type."""
        return self._crm("properties", f"/{kind}{tail}")

    def pipelines(self, kind: str) -> str:
        """Pipelines of a type."""
        return self._crm("pipelines", f"/{kind}")

    def associations(self, source: str, target: str, tail: str) -> str:
        """Links from records of one type to those of another; the numbered ones are v4."""
        if self._version == NUMBERED:
            return f"/crm/v4/associations/{source}/{target}{tail}"
        return f"/crm/associations/{self._version}/{source}/{target}{tail}"

    def owners(self) -> str:
        """Owners."""
        return self._crm("owners", "")

    def details(self) -> str:
        """The account."""
        return f"/account-info/{self._version}/details"

    def _crm(self, area: str, tail: str) -> str:
        if self._version == NUMBERED:
            return f"/crm/{NUMBERED}/{area}{tail}"
        return f"/crm/{area}/{self._version}{tail}"
