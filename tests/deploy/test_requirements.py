"""The locked requirements against what pyproject.toml asks for."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKED = (ROOT / "deploy" / "requirements.txt").read_text()
PINS = dict(re.findall(r"^([\w.-]+)==(\S+) \\$", LOCKED, flags=re.MULTILINE))
RUNTIME = [
    Requirement(line)
    for line in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
]


def test_every_runtime_dependency_is_pinned_within_its_range() -> None:
    for need in RUNTIME:
        name = canonicalize_name(need.name)
        assert name in PINS, f"{name} is missing: lock again"
        assert need.specifier.contains(PINS[name]), f"{need} but locked {PINS[name]}"


def test_every_direct_pin_is_still_asked_for() -> None:
    direct = re.findall(
        r"^([\w.-]+)==(?:(?!^\S).*\n)*?.*tieline \(pyproject\.toml\)", LOCKED, flags=re.MULTILINE
    )
    assert set(direct) == {canonicalize_name(need.name) for need in RUNTIME}


def test_every_pin_has_a_hash_and_no_address_is_named() -> None:
    for block in re.split(r"^(?=[\w.-]+==)", LOCKED, flags=re.MULTILINE)[1:]:
        assert "--hash=sha256:" in block, block
    assert "://" not in LOCKED
    assert "-index" not in LOCKED.replace("--no-emit-index-url", "")
