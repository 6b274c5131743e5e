"""Stand-ins for the vendors, each a real server on a real socket, for tests and for local runs."""
