"""Shows the catalogs of models as tables and as docs/models.md, and checks them against the vendors."""
