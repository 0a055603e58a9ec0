"""Everything that reads a store: the command line, SQL over it, and replay."""
