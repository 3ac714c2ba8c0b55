"""Pure: calendars, netting, sharing, matching. Plain functions on frozen dataclasses; integers only; the standard library alone."""
