"""The parts that every simulator shares: server, journal, injected faults, presigned links, picture processing, account.

Nothing here knows a vendor's paths, headers, fields or wording. The package of each vendor adds the routes, the check of
the key, the fault kinds that only this vendor has, and the form of the error answers.
"""
