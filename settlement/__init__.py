"""What the brands owe each other, by the calendar: windows closed, netted, shared, stated, paid, reconciled and proven."""
