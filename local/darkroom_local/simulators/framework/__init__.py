"""The parts that every simulator shares: server, journal, faults, presigned links, picture processing and account.

Nothing here knows a vendor's paths, headers, fields or wording. A vendor's package adds its routes, its key check,
its own fault kinds and the form of its error answers.
"""
