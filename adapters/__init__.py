"""Dialects: how the house speaks to a program. One dialect a file, blind to each other, and none of them does any I/O.

To write one, for a program that already has an API of its own:

1.  Take a file of your own, in this folder or in your own repository. Import `clearing.adapter` and `clearing.errors`, and the standard
    library without clock, chance, files and sockets. Delivery owns the transport, the signature, the time-out and the repeat.
2.  Write a class with the five methods of `clearing.adapter.Adapter`, keep nothing in it, and export one instance:

        ADAPTER: Adapter = Dialect()

3.  `calls` turns orders into requests, in the given order and at most a batch in each. The same orders always give the same bytes: a
    repeat must be recognised by the program, so its own idempotency key comes from `Order.id` and from nothing else.
4.  `inquire` asks what became of one order, by its id. If the program cannot be asked, raise `errors.AnswerUnreadable` in `answers`.
5.  `answers` reads a reply. It repeats what the program said (id, operation, account, unit, amount) and adds one verdict. It does not
    compare, that is delivery's part; a field the program does not repeat is filled in from `call.orders`, and the page on the adapter
    says so. Look for the order of the answer by its id, never by its place.
        DONE, DECLINED   only from an answer that says so for good;
        PENDING          the program has it and will decide;
        NOT_FOUND        a look-up that the program answered with "no such operation", in a form that no proxy could have made up.
    Everything else raises `errors.AnswerUnreadable`: 429 and 5xx (with `retry_after` if it was told), bodies that are too large, not
    JSON, with doubled keys, fractions or wrong types. It never raises anything else. What is unreadable may have happened.
6.  `member_call` and `member` look a member up before anything moves. If the program wants its own membership number in every request,
    it must keep the pair (account token, number) itself: numbers travel once.
7.  If the program tells lots, add `lots_call` and `lots` (`clearing.adapter.ReportsLots`): by the account token, and nothing moves.
    `adapters.conformance.lot_cases` judges a running program of that kind.
8.  `secrets` are passed to each call and are put in headers or bodies only: never in a URL, never kept, never in a message of an error.
9.  Register it, and a configured program can name it:

        [project.entry-points."clearing.adapters"]
        my_dialect = "my_package.my_dialect:ADAPTER"

10. Prove it: `adapters.conformance.check(ADAPTER, examples)` gives a list of findings, empty if all is well. Give it one example for
    every documented answer of the program. `tests/adapters/test_conformance.py` shows how, in a dozen lines.
"""
