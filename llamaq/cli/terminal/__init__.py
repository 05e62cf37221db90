"""What a command writes, on a terminal and in a pipe."""
