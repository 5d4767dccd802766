"""How the two sides' values relate: pure functions, no I/O."""
