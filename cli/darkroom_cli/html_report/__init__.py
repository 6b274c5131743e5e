"""Makes the report as one HTML file: what uploads have cost, every job, pictures before and after, and failures with their cures.

`make_page` is what commands call. `stack_source` and `run_source` gather a `ReportSource`; `page_contents` turns it into
texts; `page_rendering` writes the file.
"""
