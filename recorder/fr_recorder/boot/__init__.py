"""Starting without a change to the program."""
