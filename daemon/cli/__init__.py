"""The command `tieline`: one module per command; `render` is the only one that prints."""
