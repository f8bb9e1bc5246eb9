"""Hot spots: where incidents cluster in a month, by Getis-Ord Gi*. How many for the people there is in incident_rates."""

from schemas.column import IDENTIFIER, Column
from schemas.contract import Contract
from schemas.measure import NULL_REASON, ratio, says_why
from schemas.publish import Publish

CONTRACT = Contract(
    name="hotspots",
    layer="metric",
    domain="safety",
    version=1,
    period="month",
    doc=(
        "One H3 cell of the study area in one month: how many incidents of a kind happened in it, and whether more, or "
        "fewer, happened in it and its neighbours together than chance would bring. The study area is the cells whose "
        "middle lies in an outline of reference/districts, and cells at its border in which something happened; incidents "
        "farther out are not of it. Without outlines it is the cells in which something happened, with their neighbours: "
        "z-scores are then about those alone, and smaller. Cells in which nothing happened count as 0. Weights are 1 for "
        "a cell and its neighbours (H3 gridDisk, k = 1), else 0. p is two-sided and normal; of cells with few expected "
        "incidents that is rough. A cell is hot or cold where q, which allows for so many cells being tested at once, is "
        "at most the threshold hotspot_max_false_share."
    ),
    columns=(
        Column(
            "kind",
            "string",
            "what is counted: incidents of emergency calls, or crashes in force",
            nullable=False,
            allowed=("calls", "crashes"),
            roll_up="apart",
        ),
        Column("h3_cell", "string", "H3 cell, at the city's resolution", nullable=False, pattern=IDENTIFIER),
        Column("n", "int", "incidents in the cell", unit="incidents", nullable=False, minimum=0, roll_up="sum"),
        Column(
            "coverage_share",
            "float",
            "share of the month's incidents of the kind that say where they were",
            unit="share",
            nullable=False,
            minimum=0,
            maximum=1,
        ),
        Column(
            "health_share",
            "float",
            "share of those that lie in the study area",
            unit="share",
            nullable=False,
            minimum=0,
            maximum=1,
        ),
        Column(
            "neighbourhood_cells", "int", "the cell and its neighbours in the study area", unit="cells", nullable=False, minimum=1
        ),
        Column("neighbourhood_n", "int", "incidents in them", unit="incidents", nullable=False, minimum=0),
        Column("area_cells", "int", "cells of the study area", unit="cells", nullable=False, minimum=1),
        Column("area_n", "int", "incidents in them", unit="incidents", nullable=False, minimum=0),
        ratio(
            "expected_n", "incidents that so many cells have on average", "incidents", "neighbourhood_cells * area_n / area_cells"
        ),
        Column(
            "z_score",
            "float",
            "Gi*, as a z-score",
            unit="1",
            formula="(sum_j w_j x_j - mean(x) W) / (s sqrt((N S - W^2) / (N - 1))), W = S = neighbourhood_cells, N = area_cells, "
            "s^2 = mean(x^2) - mean(x)^2",
        ),
        ratio("p_value", "chance of a z-score at least as far from 0", "1", "erfc(abs(z_score) / sqrt(2))", 1),
        ratio(
            "q_value",
            "p-value adjusted for the tests of the month",
            "1",
            "min over p' >= p of p' * tests / tests with p <= p'",
            1,
        ),
        Column("verdict", "string", "hot, cold, or none", allowed=("hot", "cold", "none")),
        NULL_REASON,
    ),
    key=("kind", "h3_cell"),
    # neighbourhoods overlap: of their sums, and of scores made of them, the counts of single cells could be solved for
    publish=Publish("area_n", inside=("n", "neighbourhood_n", "expected_n", "z_score", "p_value", "q_value")),
    table_rules=(says_why("score", "z_score"),),
    sources=(
        "Ord, Getis (1995), Local spatial autocorrelation statistics: distributional issues and an application, Geographical "
        "Analysis 27(4), 286-306",
        "Benjamini, Hochberg (1995), Controlling the false discovery rate, Journal of the Royal Statistical Society B 57",
        "Caldas de Castro, Singer (2006), Controlling the false discovery rate: a new application to account for multiple and "
        "dependent tests in local statistics of spatial association, Geographical Analysis 38(2)",
        "Uber H3 4.x, gridDisk and polygonToCells",
    ),
)
