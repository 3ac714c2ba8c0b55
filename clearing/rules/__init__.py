"""What can be argued about, as plain functions on frozen dataclasses: no clock, no database, no framework, no float."""
