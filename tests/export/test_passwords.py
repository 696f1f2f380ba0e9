"""Passwords are verified off the loop, once each, and never let in whom they should not."""

from __future__ import annotations

import base64
import selectors

import bcrypt
import pytest

from secmon.export.passwords import MAX_WAITING, MAX_WAITING_OF_ADDRESS, Busy, Passwords


def hashed(password, version=b"2y"):
    made = bcrypt.hashpw(password, bcrypt.gensalt(4))
    return b"$" + version + made[3:]


USERS = {"prom": hashed(b"right"), "quản-trị": hashed("mật khẩu".encode(), b"2a"), "long": hashed(b"x" * 72)}


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class Loop:
    """A loop that has nothing else to do."""

    def __init__(self):
        self.selector = selectors.DefaultSelector()
        self.told = {}
        self.passwords = Passwords(self.selector, self.told.__setitem__)
        self.passwords.use(USERS, bcrypt.checkpw)

    def settle(self, *waiting):
        while not self.told.keys() >= set(waiting):
            for key, _ in self.selector.select(10):
                key.data()

    def ask(self, authorization, who="me", address="192.0.2.9"):
        """Return what is said at last, and whether it was said at once."""
        answer = self.passwords.ask(who, authorization, address)
        if answer is not None:
            return answer, True
        self.settle(who)
        return self.told.pop(who), False


@pytest.fixture
def loop():
    made = Loop()
    yield made
    made.passwords.close()
    made.selector.close()


@pytest.mark.parametrize(
    ("user", "password", "right"),
    [
        ("prom", "right", True),
        ("prom", "wrong", False),
        ("prom", "", False),
        ("quản-trị", "mật khẩu", True),
        ("nobody", "right", False),
        ("", "", False),
        ("long", "x" * 72, True),
        ("long", "x" * 100, True),  # as htpasswd and Go do: bcrypt looks at 72 bytes
        ("long", "x" * 71, False),
        ("prom", "right\0", False),
        ("prom", "a:b:c", False),
    ],
)
def test_a_password_is_verified(loop, user, password, right):
    assert loop.ask(basic(user, password)) == (right, False)


@pytest.mark.parametrize(
    "header",
    ["", "Basic", "Basic !", "Bearer abc", "Basic " + base64.b64encode(b"no colon").decode(), "Basic /w=="],
)
def test_what_gives_no_password_is_refused_at_once(loop, header):
    assert loop.ask(header) == (False, True)


def test_the_scheme_has_no_case(loop):
    assert loop.ask(basic("prom", "right").replace("Basic", "bAsIc"))[0]


def test_what_was_right_is_remembered_and_what_was_wrong_costs_again(loop):
    assert loop.ask(basic("prom", "right")) == (True, False)
    assert loop.ask(basic("prom", "right")) == (True, True)
    for _ in range(2):
        assert loop.ask(basic("prom", "wrong")) == (False, False)
        assert loop.ask(basic("nobody", "right")) == (False, False)
    assert loop.ask(basic("prom", "right")) == (True, True)


def test_a_reload_forgets_what_was_right(loop):
    assert loop.ask(basic("prom", "right")) == (True, False)
    loop.passwords.use({"prom": hashed(b"new")}, bcrypt.checkpw)
    assert loop.ask(basic("prom", "right")) == (False, False)
    assert loop.ask(basic("prom", "new")) == (True, False)


def test_a_reload_overtakes_a_verification_that_is_under_way(loop):
    assert loop.passwords.ask("me", basic("prom", "right"), "a") is None
    loop.passwords.use({"prom": hashed(b"new")}, bcrypt.checkpw)
    loop.settle("me")
    assert loop.told["me"] is False
    assert loop.ask(basic("prom", "right"), "again") == (False, False)


def test_many_with_the_same_password_wait_for_one_verification(loop):
    for who in range(50):
        assert loop.passwords.ask(who, basic("prom", "right"), "192.0.2.9") is None
    assert len(loop.passwords._checks) == 1
    loop.settle(*range(50))
    assert set(loop.told.values()) == {True}


def test_who_guesses_waits_for_his_own_guesses_only(loop):
    for number in range(MAX_WAITING_OF_ADDRESS):
        loop.passwords.ask(number, basic("prom", f"guess{number}"), "192.0.2.66")
    with pytest.raises(Busy):
        loop.passwords.ask("guess", basic("prom", "guess"), "192.0.2.66")
    assert loop.passwords.ask("me", basic("prom", "right"), "192.0.2.9") is None
    loop.settle("me")
    assert loop.told["me"]


def test_a_flood_from_many_addresses_is_bounded_and_leaves_those_who_are_known_alone(loop):
    loop.ask(basic("prom", "right"))
    with pytest.raises(Busy):
        for number in range(MAX_WAITING + 1):
            loop.passwords.ask(number, basic("prom", f"guess{number}"), f"192.0.2.{number}")
    assert loop.ask(basic("prom", "right"), "me") == (True, True)


def test_a_user_who_does_not_exist_is_verified_at_the_cost_of_the_others(loop):
    seen = []
    users = {"a": hashed(b"x"), "b": bcrypt.hashpw(b"x", bcrypt.gensalt(6))}
    loop.passwords.use(users, lambda _, against: bool(seen.append(against)))
    loop.ask(basic("nobody", "x"))
    assert seen == [b"$2b$06$" + b"." * 53]


def test_a_hash_that_is_none_is_right_for_nobody(loop):
    loop.passwords.use({"a": b"$2y$04$" + b"a" * 53}, bcrypt.checkpw)
    assert loop.ask(basic("a", "x")) == (False, False)
    assert loop.ask(basic("a", "y")) == (False, False)


def test_closing_drops_what_waits():
    made = Loop()
    for number in range(4):
        made.passwords.ask(number, basic("prom", f"{number}"), "a")
    made.passwords.close()
    assert list(made.selector.get_map()) == []
    made.selector.close()
