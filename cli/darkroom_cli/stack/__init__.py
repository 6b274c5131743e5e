"""What commands read and write in a deployed stack. Nothing is printed here."""
