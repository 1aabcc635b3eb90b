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
