"""Finance's books, read out of the ledger: roll-forwards, who owes whom, journals, ageing, forecast, and what any figure is made of.

Nothing here is kept: every figure is asked of entries and kept sums when it is wanted, in one snapshot. The only thing written is what
programs report as expired.
"""

from settlement.books.chart import Chart, chart
from settlement.books.expiries import Expiry, expiries_unproven, report_expiry
from settlement.books.explain import (
    BEGINNING,
    PAGE,
    Cause,
    Explained,
    Leaf,
    Part,
    Place,
    explain_account,
    explain_exchange,
)
from settlement.books.explain_papers import explain_invoice, explain_statement
from settlement.books.explain_rolled import explain_rolled
from settlement.books.explain_runs import explain_booking, explain_net, explain_payment, explain_run
from settlement.books.explain_shares import BACK, ExplainedShare, explain_share, share_booked, shared_waterfall
from settlement.books.journals import FORMATS, export
from settlement.books.liability import mirror, roll_forwards
from settlement.books.outlook import Ageing, Forecast, ageing, forecast
from settlement.books.outside import Outside, report_outside
from settlement.books.spans import Span, snapshot, span_of
from settlement.books.unbilled import unbilled

__all__ = [
    "BACK",
    "BEGINNING",
    "FORMATS",
    "PAGE",
    "Ageing",
    "Cause",
    "Chart",
    "Expiry",
    "Explained",
    "ExplainedShare",
    "Forecast",
    "Leaf",
    "Outside",
    "Part",
    "Place",
    "Span",
    "ageing",
    "chart",
    "expiries_unproven",
    "explain_account",
    "explain_booking",
    "explain_exchange",
    "explain_invoice",
    "explain_net",
    "explain_payment",
    "explain_rolled",
    "explain_run",
    "explain_share",
    "explain_statement",
    "export",
    "forecast",
    "mirror",
    "report_expiry",
    "report_outside",
    "roll_forwards",
    "share_booked",
    "shared_waterfall",
    "snapshot",
    "span_of",
    "unbilled",
]
