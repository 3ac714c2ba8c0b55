"""The keeper's process: `python -m clearing.embedded`, told on its standard input what to keep."""

import json
import sys
from pathlib import Path

from clearing.embedded.server import keep

order = json.load(sys.stdin)
keep(Path(order["folder"]), order["server"], order["identity"])
