"""The house's own evidence of a statement, read again to print it. Nobody asks here whether the house signed it: `verify` does."""

import json

from clearing.signatures import encode
from settlement.reports import jsonl
from settlement.reports.seal import Sealed, root_of
from settlement.rules.statement_json import statement_of
from settlement.rules.statement_lines import canonical, read_record


def reopened(data: bytes) -> Sealed:
    """The sealed statement that this evidence was written of. Raises ValueError where it is not that."""
    claim = jsonl.read(data)
    header = claim.header or b""
    said = json.loads(header)
    leaves = tuple([line.leaf for line in claim.lines])
    statement = statement_of(said, [read_record(dict(line.values)) for line in claim.lines])
    sealed = Sealed(statement, header, tuple([canonical(line.values) for line in claim.lines]), leaves, claim.token)
    if encode(root_of(leaves)) != said["root"] or jsonl.write(sealed) != data:
        message = f"the kept evidence of {statement.reference} is not what was sealed"
        raise ValueError(message)
    return sealed
