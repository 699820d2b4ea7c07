"""Floor 3: where plans run. ``base`` is the protocol, ``registry`` the table, and each backend a module or package."""
