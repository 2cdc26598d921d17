"""What stands behind an origin names a path there, or is refused: no text of a peer's leads to another server."""

from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from yarl import URL

from lab.core.exchange import Request, is_target, url_at
from tests.conftest import each_row

ORIGINS = ("http://127.0.0.1:8080", "https://pod.example", "http://[::1]:80", "https://pod.example/beneath")
ODD = st.text(st.sampled_from("@/:\\?#[].%0ah \t\r\n\x00\x7f\xa0é。⁄／＠\ud800"), max_size=12)
"""Of what URLs are made, and what some readers of them leave out or take for something else."""


@example(origin=ORIGINS[0], target="/??")
@given(origin=st.sampled_from(ORIGINS), target=ODD | st.text(max_size=12) | ODD.map("/".__add__))
def test_whatever_is_asked_for_the_url_is_at_the_origin_or_there_is_none(origin: str, target: str) -> None:
    try:
        text = url_at(origin, target)
    except ValueError:
        assert not is_target(target)
        return
    own = URL(origin, encoded=True)
    url, plain = URL(text, encoded=True), urlsplit(text)
    assert (url.scheme, url.raw_user, url.raw_host, url.port) == (own.scheme, None, own.raw_host, own.port)
    assert (plain.username, plain.hostname, plain.port) == (None, own.host, own.explicit_port)
    path, _, query = target.partition("?")
    whole = f"{path}?{query}" if query else path
    assert url.raw_path_qs == own.raw_path.removesuffix("/") + whole, "all of it is asked for"


@each_row("target", ["/", "//a", "/@h", "/a:1@h/b?c=d@e", "/?@h", "/%0d%0a", "/a;b=[1]|{2}", "/é"])
def test_a_path_and_its_query_are_a_target(target: str) -> None:
    assert url_at("http://127.0.0.1", target) == "http://127.0.0.1" + target


@each_row(
    "target", ["", "*", "a", "@h/", "a@h:1", ":1/", ".h/", "h:443", "http://h/", "?a", "#a", "/#a", "\\h", "/\\h", "/ ", "/\n", "/a\tb"]
)  # fmt: skip
def test_what_else_a_request_line_may_hold_is_none(target: str) -> None:
    with pytest.raises(ValueError, match="no path"):
        url_at("http://127.0.0.1", target)


def test_a_request_asks_for_its_path_and_query() -> None:
    assert [Request("GET", "/a", query).target for query in ("", "b=c")] == ["/a", "/a?b=c"]
