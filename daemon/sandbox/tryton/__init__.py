"""A real Tryton server on loopback, with made-up data, for tests, the demo and trying things."""
