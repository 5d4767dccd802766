"""`tieline schema`: the configuration's JSON Schema and manual."""

from __future__ import annotations

import click


@click.command()
@click.option("--markdown", is_flag=True, help="Print the manual of all keys instead.")
def schema(markdown: bool) -> None:
    """Print the JSON Schema of tieline.yaml, for editors that check while you type.

    \b
    With the YAML extension of VS Code and others, put this on the first line of tieline.yaml:
      # yaml-language-server: $schema=tieline.schema.json
    """  # noqa: D301  (\b is how click keeps lines as they are)
    from daemon.cli.render import print_json, print_text
    from daemon.config.load import installed_connectors
    from daemon.config.reference import make_schema, write_manual

    finder = installed_connectors()
    connectors = [finder.load(name) for name in finder.names]
    if markdown:
        print_text(write_manual(connectors))
    else:
        print_json(make_schema(connectors))
