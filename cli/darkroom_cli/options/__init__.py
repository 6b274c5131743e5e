"""How arguments and options are read that several commands have, and what a shell offers for them."""
