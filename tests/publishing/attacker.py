"""An attacker who has every release and knows every total: what can be worked out of withheld counts, without code of the gate.

Judging what may be worked out is the tests'.
"""

from collections.abc import Hashable, Mapping, Sequence

import numpy as np
from scipy.optimize import linprog

Cell = Hashable


def bounds(unknown: Sequence[Cell], equations: Sequence[tuple[Mapping[Cell, float], float]]) -> dict[Cell, tuple[float, float]]:
    """The least and the greatest count that each unknown can have, given sums of them; counts are not negative.

    Args:
        equations: coefficient by unknown, and the sum.
    """
    at = {c: i for i, c in enumerate(unknown)}
    matrix, sums = np.zeros((len(equations), len(unknown))), np.zeros(len(equations))
    for row, (terms, total) in enumerate(equations):
        sums[row] = total
        for cell, factor in terms.items():
            matrix[row, at[cell]] = factor
    out = {}
    for cell, i in at.items():
        goal = np.zeros(len(unknown))
        goal[i] = 1
        ends = [linprog(sign * goal, A_eq=matrix, b_eq=sums, bounds=(0, None)) for sign in (1, -1)]
        if any(e.status == 2 for e in ends):
            raise AssertionError("the attacker's equations contradict each other: a release told something wrong")
        out[cell] = (ends[0].fun, -ends[1].fun if ends[1].status == 0 else np.inf)
    return out
