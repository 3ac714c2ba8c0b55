"""The clearing house: members' points leave one program and arrive in another, and who owes whom is booked and provable.

A map of the house, from the ground up. A room imports from floors below its own, never sideways; `lint-imports` keeps it so.

    errors        the one exception tree: what is unexpected, with a stable code
    rules         pure functions and tables: units, rates, lifecycle, postings, limits, windows, the Merkle log
    database      PostgreSQL: connections, SQL by name, migrations
    embedded      the PostgreSQL that comes along when none is given

    tables        what is stored, and what must hold of every row
    ledger        the only writer of the books: batches under the lock of one lane
    signatures    RFC 9421 and RFC 9530, pure: sign and verify
    evidence      what was signed, kept sealed
    adapter       the port to a program: order, answer, dialect

    partners      who takes part: programs, keys, prices, corridors, accounts
    client        what a partner's engineer imports: signed calls, verified answers

    exchange      quote, submit, cancel, reverse, look up
    delivery      carries orders to programs, asks again, posts or voids

    front         the only doors: HTTP, command line, settings. Clock, ids and luck enter here

`sql/` holds the statements, `migrations/` the schema's history. The dialects live outside, in the package `adapters`.
"""
