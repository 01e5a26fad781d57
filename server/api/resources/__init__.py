"""One file per resource: its query and answer types, and the endpoints the table names."""
