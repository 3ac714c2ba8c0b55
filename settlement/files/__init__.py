"""Files of banks and of rates: bytes in, frozen dataclasses out, and back. No database, no clock, no network."""
