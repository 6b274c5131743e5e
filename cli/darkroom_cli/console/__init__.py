"""What all commands share: how they ask, print for people and for programs, and end with an error or an exit code."""
