"""Entry point of `tieline` and `python -m daemon`; the exit codes are in `daemon.cli.exits`."""

from __future__ import annotations


def main() -> None:
    """Run the command line."""
    from daemon.cli.main import main as run

    run()


if __name__ == "__main__":
    main()
