"""Text: lines, splices shown as diffs, and safe display."""
