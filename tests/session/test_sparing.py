from nntui.session.sparing import Sparing


def test_what_is_quick_is_done_at_its_interval() -> None:
    one = Sparing(1.0, 0.1)
    assert one.due(0.0)
    one.done(0.0, 0.05)
    assert not one.due(0.9)
    assert one.due(1.0)


def test_what_is_slow_takes_no_more_than_its_share() -> None:
    one = Sparing(1.0, 0.1)
    one.done(5.0, 0.5)
    assert not one.due(9.9)
    assert one.due(10.0)
    one.done(10.0, 0.01)
    assert one.due(11.0)


def test_it_can_be_due_at_once() -> None:
    one = Sparing(1.0, 0.1)
    one.done(5.0, 0.5)
    one.forget()
    assert one.due(5.0)


def test_what_may_not_be_put_off_for_ever_is_due_after_its_longest() -> None:
    one = Sparing(1.0, 0.1, longest=3.0)
    one.done(5.0, 60.0)
    assert one.left(6.0) == 2.0
    assert not one.due(7.9)
    assert one.due(8.0)
    one.done(8.0, 0.2)
    assert one.left(8.5) == 1.5
