"""What every simulator stands on: a server, a journal, faults, links, pictures and an account.

Nothing here knows a vendor: no path, no header, no field and no word of any of them. A vendor's
package brings its routes, its key check, its fault kinds and its way to refuse.
"""
