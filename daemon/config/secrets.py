"""Secrets by reference: `${env:NAME}`, `${file:/path}`, `${credential:name}`, never in the YAML.

The files are kept in git by their owners, so a secret that stands in one is refused, wherever the
apps are. What is resolved here is handed out as `Secret`, or as text to a connector that asks for
text; either way it is listed for the log's redactor.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from daemon.config.nodes import Scalar
from daemon.config.problems import Path as KeyPath
from daemon.config.problems import Problems

MAX_BYTES = 65_536

_REFERENCE = re.compile(r"\$\{(?:(env|file|credential):)?([^{}]*)\}")
_IN_AUTH_BUT_OPEN = re.compile(
    "account|client_id|email|kind|login|method|scheme|scopes?|type|user|username"
)
_SECRET_NAME = re.compile(r".*(pass(word|wd|phrase)|secret|token|api_?key|private_?key)", re.I)
_PASSWORD_IN_URL = re.compile(r"\w+://[^/\s:@]*:[^/\s@]+@")

_HOW = "write ${env:NAME}, ${file:/path} or ${credential:name} and keep the secret there"


class Secret:
    """A secret that does not show in a repr, a log line or a traceback's locals."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the secret itself; call it where it is sent, not before."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> str:
        raise TypeError("a secret is not copied out of the process")


class SecretReader:
    """Reads the text values of `apps:`, following references.

    Attributes:
        found: every secret that was resolved.
        follow: whether references are followed at all.
    """

    def __init__(
        self, environment: Mapping[str, str], folder: Path, problems: Problems, *, follow: bool
    ) -> None:
        """Prepare to read.

        Args:
            folder: what relative `${file:...}` paths start from: where the file is.
            follow: read what the references point to; otherwise only their form is checked.
        """
        self._environment = environment
        self._folder = folder
        self._problems = problems
        self.follow = follow
        self.found: list[Secret] = []

    def read(self, scalar: Scalar, path: KeyPath, *, is_secret: bool) -> str | None:
        """Return the text that `scalar` stands for, or None once a problem has been noted."""
        text = scalar.text
        if "${" not in text:
            return self._literal(scalar, path, is_secret=is_secret or is_secret_key(path))
        match = _REFERENCE.fullmatch(text.strip())
        if match is None:
            message = "a reference must be the whole value; put the whole text where it points"
        elif not match[1] or not match[2].strip():
            message = f"{text!r} is not a reference; {_HOW}"
        else:
            return self._resolve(scalar, path, match[1], match[2].strip())
        self._problems.add(scalar.at, path, message)
        return None

    def _literal(self, scalar: Scalar, path: KeyPath, *, is_secret: bool) -> str | None:
        if is_secret:
            self._problems.add(scalar.at, path, f"a secret must not stand in this file; {_HOW}")
            return None
        if _PASSWORD_IN_URL.match(scalar.text):
            message = "a password must not stand in an address; put it under auth: by reference"
            self._problems.add(scalar.at, path, message)
            return None
        return scalar.text

    def _resolve(self, scalar: Scalar, path: KeyPath, source: str, name: str) -> str | None:
        if not self.follow:
            return scalar.text
        try:
            value = self._value(source, name)
        except ValueError as error:
            self._problems.add(scalar.at, path, str(error))
            return None
        self.found.append(Secret(value))
        return value

    def _value(self, source: str, name: str) -> str:
        if source == "env":
            return self._from_environment(name)
        if source == "file":
            return _read_file(self._folder / name, name)
        folder = self._environment.get("CREDENTIALS_DIRECTORY")
        if not folder:
            raise ValueError(
                f"there are no systemd credentials here, so not {name!r} either; run under the"
                " unit with LoadCredential=, or set CREDENTIALS_DIRECTORY to a folder that has it"
            )
        if "/" in name:
            raise ValueError(f"a credential's name has no slash: {name!r}; use ${{file:...}}")
        return _read_file(Path(folder) / name, name)

    def _from_environment(self, name: str) -> str:
        value = self._environment.get(name)
        if value is None:
            raise ValueError(f"the environment variable {name} is not set; set it and try again")
        if not value.strip():
            raise ValueError(f"the environment variable {name} is empty; set it and try again")
        return value


def is_secret_key(path: KeyPath) -> bool:
    """Say whether the value at a path below `apps.NAME` is a secret by its name and place."""
    keys = [step for step in path[2:] if isinstance(step, str)]
    if not keys or _IN_AUTH_BUT_OPEN.fullmatch(keys[-1]):
        return False
    return "auth" in keys or _SECRET_NAME.fullmatch(keys[-1]) is not None


def _read_file(path: Path, name: str) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        text = content.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError(f"the secret file {name} is not text; check what it holds") from None
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise ValueError(f"the secret file {name} cannot be read: {reason}; create it") from None
    if not text.strip() or len(content) > MAX_BYTES:
        size = "empty" if len(content) <= MAX_BYTES else "too large for a secret"
        raise ValueError(f"the secret file {name} is {size}; check what it holds")
    return text
