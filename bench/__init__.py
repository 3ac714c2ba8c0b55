"""What the house does in a second, and where the time goes: `python -m bench`, `python -m bench NAME --json`."""
