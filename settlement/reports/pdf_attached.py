"""The evidence inside a PDF of ours: found by its stream, as it was written; no reader of any PDF in the world."""

import re
import zlib

EVIDENCE_BYTES_MAX = 1 << 30

_STREAM = re.compile(rb"<</Length ([0-9]{1,10})/Type/EmbeddedFile/Filter/FlateDecode[^\r\n]{0,200}>>\r?\nstream\r?\n")


def attached(data: bytes) -> bytes:
    """The one file that is attached. Raises ValueError where there is none, or more than one."""
    found = list(_STREAM.finditer(data))
    if len(found) != 1:
        message = f"the PDF carries {len(found)} attachments where the house attaches one"
        raise ValueError(message)
    start = found[0].end()
    reader = zlib.decompressobj()
    try:
        text = reader.decompress(data[start : start + int(found[0][1])], EVIDENCE_BYTES_MAX)
    except zlib.error:
        raise ValueError("the attachment of the PDF is broken") from None
    if not reader.eof:
        raise ValueError("the attachment of the PDF is broken, or too large")
    return text
