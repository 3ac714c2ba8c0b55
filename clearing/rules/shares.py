"""A whole split by weights: every part is whole, and the parts add up to what was split."""

from collections.abc import Sequence


def largest_remainder(total: int, weights: Sequence[int]) -> tuple[int, ...]:
    """`total` split by `weights`: each part rounded down, then one more to each of the largest remainders, the earlier first.

    Law: the parts add up to `total`, and each is less than one away from its exact share.
    """
    whole = sum(weights)
    if total < 0 or whole <= 0 or any(weight < 0 for weight in weights):
        message = f"a split needs a total >= 0 and weights >= 0 that are not all zero, got {total} by {list(weights)}"
        raise ValueError(message)
    parts = [total * weight // whole for weight in weights]
    order = sorted(range(len(parts)), key=lambda place: parts[place] * whole - total * weights[place])
    for place in order[: total - sum(parts)]:
        parts[place] += 1
    return tuple(parts)


def pro_rata_draw(sent: int, balances: Sequence[int]) -> tuple[int, ...] | None:
    """What each member of a pool gives of `sent` points, in proportion to what they hold; None when the pool holds too little.

    Law: the parts add up to `sent`, and nobody gives more than they hold.
    """
    if sent > sum(balances):
        return None
    return largest_remainder(sent, balances) if sent else (0,) * len(balances)
