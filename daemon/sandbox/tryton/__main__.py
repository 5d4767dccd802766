"""`python -m daemon.sandbox.tryton`: the command by itself."""

from daemon.sandbox.tryton.cli import tryton

if __name__ == "__main__":
    tryton()
