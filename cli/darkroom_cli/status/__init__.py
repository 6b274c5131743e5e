"""Shows one look at a stack, for `darkroom status`: its facts, its page, and for whom open jobs wait."""
