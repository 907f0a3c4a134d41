"""What all input and output shares: bounds, waits and debug messages."""
