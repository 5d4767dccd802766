from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from daemon.config.secrets import MAX_BYTES, Secret
from daemon.config.settings import Config
from tests.support.configs import GOOD, SECRETS, Load, Refused

REFERENCE = '"${env:HUB_TOKEN}"'


# Any: a connector's own options, known to it alone.
def options(config: Config, app: str) -> Any:
    return config.apps[app].options


def with_token(token: str) -> str:
    return GOOD.replace(REFERENCE, token)


def test_references_are_followed_and_listed_for_the_log(load: Load) -> None:
    config = load()
    assert options(config, "hubspot").auth.token == Secret("hub-token")
    assert options(config, "erp").auth.password == "erp-password"
    assert set(config.secrets) == {Secret("hub-token"), Secret("erp-password")}


def test_no_secret_shows_in_what_is_printed(load: Load) -> None:
    config = load()
    shown = f"{config!r} {config.apps} {Secret('geheim')} {Secret('geheim')!r:>20}"
    assert "hub-token" not in shown
    assert "erp-password" not in shown
    assert "geheim" not in shown
    assert str(Secret("geheim")) == "***"
    with pytest.raises(TypeError):
        pickle.dumps(Secret("geheim"))


def test_files_and_credentials_are_read_without_their_last_line_break(
    load: Load, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("from file\n")
    text = with_token('"${file:token}"')
    assert options(load(text), "hubspot").auth.token.reveal() == "from file"
    text = with_token(f'"${{file:{tmp_path}/token}}"')
    assert options(load(text), "hubspot").auth.token.reveal() == "from file"
    text = (
        with_token("${credential:token}")
        .replace("{token: ${", '{token: "${')
        .replace("token}}}", 'token}"}}')
    )
    environment = {**SECRETS, "CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert options(load(text, environment), "hubspot").auth.token.reveal() == "from file"


@pytest.mark.parametrize(
    ("token", "message"),
    [
        ("pat-eu1-12345678", "a secret must not stand in this file; write ${env:NAME}, ${file:"),
        ("12345678", "a secret must not stand in this file"),
        ('"${env:NOT_SET}"', "the environment variable NOT_SET is not set"),
        ('"${env:BLANK}"', "the environment variable BLANK is empty"),
        ('"${file:none}"', "the secret file none cannot be read: no such file or directory"),
        ('"${file:.}"', "the secret file . cannot be read: is a directory"),
        ('"${file:empty}"', "the secret file empty is empty"),
        ('"${file:large}"', "the secret file large is too large"),
        ('"${file:binary}"', "the secret file binary is not text"),
        ('"${credential:x}"', "there are no systemd credentials here, so not 'x'"),
        ('"${vault:x}"', "'${vault:x}' is not a reference; write ${env:NAME}"),
        ('"${HUB_TOKEN}"', "'${HUB_TOKEN}' is not a reference"),
        ('"${env:}"', "'${env:}' is not a reference"),
        ('"Bearer ${env:HUB_TOKEN}"', "a reference must be the whole value"),
        ('""', "a secret must not stand in this file"),
        ("", "is empty; give it a value"),
        ("[a]", "needs a single value, not a list"),
    ],
)
def test_what_cannot_be_followed_is_refused_at_its_place(
    refused: Refused, tmp_path: Path, token: str, message: str
) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "large").write_text("x" * (MAX_BYTES + 1))
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (problem,) = refused(with_token(token), {**SECRETS, "BLANK": " "})
    assert problem.startswith("tieline.yaml:2:")
    assert f": apps.hubspot.auth.token: {message}" in problem
    assert "12345678" not in problem


def test_a_credential_is_a_name_not_a_path(refused: Refused, tmp_path: Path) -> None:
    text = with_token('"${credential:../x}"')
    (problem,) = refused(text, {**SECRETS, "CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert "a credential's name has no slash" in problem


def test_a_secret_outside_auth_or_under_a_wrong_type_is_refused_too(refused: Refused) -> None:
    problems = refused(GOOD.replace("type: tryton", "type: trytn\n    api_key: geheim"))
    assert [problem.split(": ")[1] for problem in problems] == ["apps.erp.type", "apps.erp.api_key"]


def test_user_names_may_stand_in_the_file(load: Load) -> None:
    assert options(load(), "erp").auth.user == "sync"


def test_references_of_other_settings_are_followed(load: Load) -> None:
    text = GOOD.replace("https://erp.example.org/", '"${env:ERP_URL}"')
    config = load(text, {**SECRETS, "ERP_URL": "https://other.example/"})
    assert options(config, "erp").url == "https://other.example/"
