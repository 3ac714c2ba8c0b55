"""Circles of hops: routes that lead back to where they began. Exact: fractions of whole numbers.

Two circles give value that nobody funds. One multiplies points: its ratios multiply to more than one. The other pays a program more for
the points that come back than it paid for those that left; somebody on the way pays more for points that leave than it is paid for those
it issues, and could be drained circle by circle although every hop is funded.
"""

from collections.abc import Mapping
from fractions import Fraction

Hops = Mapping[tuple[str, str], Fraction]
Route = tuple[str, ...]


def gaining_circle(ratios: Hops) -> Route | None:
    """A route that returns to its start with more points than it left with, or None (Bellman-Ford, multiplying)."""
    best = {program: Fraction(1) for hop in ratios for program in hop}
    came_from: dict[str, str] = {}
    improved = ""
    for _ in range(len(best) + 1):
        improved = ""
        for (source, target), ratio in sorted(ratios.items()):
            if best[source] * ratio > best[target]:
                best[target], came_from[target], improved = best[source] * ratio, source, target
        if not improved:
            return None
    route: list[str] = []
    while improved not in route:  # walks back until it meets itself: that part is the circle
        route.append(improved)
        improved = came_from[improved]
    circle = route[route.index(improved) :]
    return (improved, *reversed(circle))


def paying_circle(ratios: Hops, issue: Mapping[str, Fraction], redeem: Mapping[str, Fraction]) -> Route | None:
    """A route that pays its start more for what comes back than it paid for what left, or None.

    The hops are priced and funded, and no circle among them multiplies points. Then only where some program redeems above its issue
    price can another gain: without one there is nothing to look for.
    """
    if all(redeem[program] <= issue[program] for program in redeem):
        return None
    for start in sorted(redeem):
        if issue[start] > redeem[start] and (route := _best_return(ratios, start, issue[start], redeem[start])):
            return route
    return None


def _best_return(ratios: Hops, start: str, issue: Fraction, redeem: Fraction) -> Route | None:
    """A route from `start` back to it whose points bring more, at `issue`, than the point that left cost at `redeem`."""
    best: dict[str, tuple[Fraction, Route]] = {start: (Fraction(1), (start,))}
    for _ in ratios:
        better = False
        for (source, target), ratio in sorted(ratios.items()):
            if source not in best:
                continue
            product, route = best[source]
            if target == start:
                if product * ratio * issue > redeem:
                    return (*route, start)
            elif target not in best or product * ratio > best[target][0]:
                best[target], better = (product * ratio, (*route, target)), True
        if not better:
            return None
    return None
