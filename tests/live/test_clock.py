"""A clock that is set: stamps go on evenly for a while, it says so, and follows in the end."""

from pipelines.live.clock import PATIENCE_S, Clock


class Hands:
    """A system's two clocks."""

    wall_s = 1_000_000.0
    steady_s = 50.0

    def pass_s(self, seconds: float) -> None:
        self.wall_s += seconds
        self.steady_s += seconds


def clock() -> tuple[Hands, Clock]:
    hands = Hands()
    return hands, Clock(lambda: hands.wall_s, lambda: hands.steady_s)


def test_a_clock_that_nobody_sets_is_the_systems() -> None:
    hands, mine = clock()
    for _ in range(100):
        hands.pass_s(0.7)
        hands.wall_s += 0.01  # slewed
        assert mine.now_us() == int(hands.wall_s * 1e6)
    assert mine.says == ""


def test_a_jump_is_said_and_waited_out_and_followed_if_it_lasts() -> None:
    for jump in (-3600.0, 3600.0):
        hands, mine = clock()
        before = mine.now_us()
        hands.wall_s += jump
        hands.pass_s(1)
        assert mine.now_us() == before + 1_000_000
        assert f"{'forward' if jump > 0 else 'back'} by 3600 s" in mine.says
        hands.pass_s(PATIENCE_S - 2)
        assert mine.now_us() == before + int((PATIENCE_S - 1) * 1e6)
        hands.pass_s(3)
        assert mine.now_us() == int(hands.wall_s * 1e6)
        assert mine.says == ""


def test_a_jump_that_is_put_right_leaves_no_trace() -> None:
    hands, mine = clock()
    before = mine.now_us()
    hands.wall_s += 86_400
    hands.pass_s(5)
    assert mine.now_us() == before + 5_000_000
    hands.wall_s -= 86_400
    hands.pass_s(5)
    assert mine.now_us() == before + 10_000_000
    assert mine.says == ""
    assert mine.now_us() == int(hands.wall_s * 1e6)


def test_a_second_jump_begins_the_wait_anew() -> None:
    hands, mine = clock()
    before = mine.now_us()
    hands.wall_s -= 3600
    hands.pass_s(PATIENCE_S - 1)
    mine.now_us()
    hands.wall_s -= 3600
    hands.pass_s(5)
    assert mine.now_us() == before + int((PATIENCE_S + 4) * 1e6)
    assert "back by 7200 s" in mine.says
