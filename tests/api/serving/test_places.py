"""Who goes when a new connection finds no place."""

from safelight_api.serving.places import BUSY_SECONDS, SPARED_SECONDS, Places


def taken(most: int, *connections: str) -> Places[str]:
    """Return places that connections took at the seconds 0, 1, 2 and so on."""
    places: Places[str] = Places(most)
    for second, connection in enumerate(connections):
        places.enter(connection, second)
    return places


def are_taken(places: Places[str]) -> bool:
    """Say whether a newcomer has to wait."""
    return places.are_taken


def named(places: Places[str], now: float, **clients: str) -> None:
    """Have connections send a request with a token, one after the other, and rest."""
    for connection, client in clients.items():
        places.begin_answer(connection, now)
        assert places.charge(connection, client, now) is None
        places.rest(connection, now)


def test_there_is_room_until_the_last_place_is_taken() -> None:
    places = taken(8, "a", "b", "c")
    named(places, 3, a="anna", b="anna", c="anna")
    for number in range(4):
        places.enter(f"new {number}", 4)
        assert not are_taken(places)
    places.enter("last", 4)
    assert are_taken(places)
    assert len(places) == 8
    places.leave("b")
    places.leave("b")
    assert not are_taken(places)
    assert len(places) == 7
    assert places.held("anna") == 2


def test_the_oldest_without_a_head_goes_first_then_who_has_been_idle_for_longest() -> None:
    places = taken(4, "idle long", "idle", "young", "old")
    named(places, 10, **{"idle long": "anna"})
    named(places, 11, idle="ben")
    places.begin_answer("young", 12)
    places.charge("young", "ben", 12)
    places.rest("young", 12)
    places.begin_head("young", 20)
    assert places.first_to_go(20) == "old"
    places.leave("old")
    places.enter("new", 20)
    assert places.first_to_go(20 + SPARED_SECONDS) == "young", "its second head has begun first"
    places.leave("young")
    places.begin_answer("new", 21)
    places.enter("newest", 21)
    assert places.first_to_go(21.5) == "idle long", "a new one is spared where another can go"
    places.leave("idle long")
    places.enter("very newest", 21.5)
    assert places.first_to_go(21.5) == "idle"
    places.leave("idle")
    places.enter("another", 21.5)
    assert places.first_to_go(21.5) == "newest", "nobody else can go"


def test_what_is_only_dropped_goes_before_what_is_idle() -> None:
    places = taken(2, "idle", "dropped")
    named(places, 2, idle="anna")
    places.begin_answer("dropped", 3)
    places.drop("dropped", 9)
    assert places.first_to_go(10) == "dropped"


def test_who_holds_more_than_an_equal_share_makes_room_before_others() -> None:
    places = taken(8, "ben", *"acdefgh")
    named(places, 9, ben="ben")
    named(places, 10, **dict.fromkeys("acdef", "anna"))
    named(places, 11, g="cleo", h="cleo")
    assert places.first_to_go(12) == "a", "not ben's, though idle for longer"


def test_a_request_is_ended_for_a_newcomer_only_where_a_client_has_too_much_for_long() -> None:
    places = taken(4, *"abcd")
    for connection, client in zip("abcd", ("anna", "anna", "ben", "cleo"), strict=True):
        places.begin_answer(connection, 10)
        assert places.charge(connection, client, 10) is None
    assert are_taken(places)
    assert places.first_to_go(10 + BUSY_SECONDS - 0.1) is None
    assert places.first_to_go(10 + BUSY_SECONDS) == "a"
    places.leave("a")
    places.enter("new", 15)
    places.begin_answer("new", 15)
    places.charge("new", "dora", 15)
    assert places.first_to_go(100) is None, "all have no more than an equal share"


def test_all_without_a_token_never_hold_the_last_quarter() -> None:
    places = taken(8, *"abcdef")
    assert are_taken(places)
    assert places.first_to_go(6) == "a"
    places.leave("a")
    places.enter("g", 6)
    assert len(places) == 6
    named(places, 7, b="anna")
    assert not are_taken(places), "one of them was somebody's"


def test_a_client_never_holds_the_last_quarter() -> None:
    places = taken(8, *"abcdef")
    named(places, 10, **dict.fromkeys("abcdef", "anna"))
    places.enter("g", 11)
    assert not are_taken(places)
    places.begin_answer("g", 12)
    assert places.charge("g", "anna", 12) == "a", "the one that has been idle for longest"
    places.leave("a")
    for connection in "bcdefg":
        places.begin_answer(connection, 13)
    places.enter("h", 13)
    places.begin_answer("h", 14)
    assert places.charge("h", "anna", 14) == "h", "requests under way are not ended for it"
    places.leave("h")
    places.enter("i", 15)
    places.begin_answer("i", 15)
    assert places.charge("i", "ben", 15) is None
    assert (places.held("anna"), places.held("ben"), places.held(None)) == (6, 1, 0)


def test_a_place_is_charged_to_whoever_asked_last() -> None:
    places = taken(8, "proxy")
    named(places, 1, proxy="anna")
    named(places, 2, proxy="ben")
    assert (places.held("anna"), places.held("ben")) == (0, 1)
    assert places.client_of("proxy") == "ben"


def test_who_has_left_is_moved_no_more() -> None:
    places = taken(8, "a")
    places.leave("a")
    places.rest("a", 1)
    assert places.charge("a", "anna", 1) is None
    assert not places.idle
    assert len(places) == 0
