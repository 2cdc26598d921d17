"""Routing is made of rows alone: what the tables hold is found, everything else is refused and told why."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.core.refusal import Refusal, no_path
from lab.core.routes import Route, RouteMatch, RouteTable, fill_path, read_routes
from lab.dialects import wires
from lab.dialects.fusion.missing_paths import CAPABILITIES, HAS, NEAR_MISSES
from lab.dialects.fusion.routes import API, LOCAL_ROUTES, RELEASE_WORKFLOWS, WORKFLOWS
from lab.dialects.router import ROUTER
from lab.identity.routes import FORM_ROUTES, IDENTITY_NAMES, IDENTITY_ROUTES
from lab.program.routes import FAULT_ROUTES, OF_A_FORM, OF_A_JOB, WITHOUT_BEARER, WITHOUT_JSON
from tests.conftest import each_row

DIALECT_ROWS = tuple(row for wire in wires() for row in wire.routes)
ROWS = (*IDENTITY_ROUTES, *DIALECT_ROWS)
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "QUERY")


def by_operation(row):
    return row.operation or row.name


every_row = each_row("row", ROWS, ids=by_operation)
SEGMENTS = st.text(min_size=1, max_size=12).filter(lambda text: not {"/", "\0"} & set(text) and text not in (".", ".."))
"""What a parameter can hold: no path names a team `..`, and none with a slash in it."""


def filled(row, code="EXPENSES", job="j-1"):
    return fill_path(row, code=code, job=job, release="3054", config="c-1", endpoint="e-1")


def values_of(row, code, job):
    return (code if "{code}" in row.path else "", job if "{job}" in row.path else "")


def find(method, path, *, local=True, slashes=True):
    return ROUTER.find(method, path, slashes=slashes, local=local)


def row_of(method, path, **more):
    found = find(method, path, **more)
    assert isinstance(found, RouteMatch), (method, path, found)
    return found.route


def missing(method, path, **more):
    """The hint of the 404 for a path that isn't there."""
    found = find(method, path, **more)
    assert isinstance(found, Refusal) and found.status == 404, (method, path, found)
    assert found.headers == ()
    return found.hint


# What is there


@every_row
def test_each_row_is_found_by_its_own_path(row):
    found = find(row.method, filled(row))
    assert isinstance(found, RouteMatch)
    assert (found.route, found.name, found.flags) == (row, row.name, ())
    assert (found.code, found.job) == values_of(row, "EXPENSES", "j-1")


@given(row=st.sampled_from(ROWS), code=SEGMENTS, job=SEGMENTS)
def test_what_a_path_holds_is_written_and_read_back(row, code, job):
    found = find(row.method, filled(row, code, job))
    assert isinstance(found, RouteMatch)
    assert (found.route, found.code, found.job) == (row, *values_of(row, code, job))


@given(row=st.sampled_from(DIALECT_ROWS), code=SEGMENTS, job=SEGMENTS, upper=st.booleans())
def test_any_spelling_of_a_segment_means_the_same(row, code, job, upper):
    def escaped(text):
        octets = "".join(f"%{octet:02x}" for octet in text.encode())
        return octets.upper() if upper else octets

    plain = row.path.replace("{code}", code).replace("{job}", job).replace("{release}", "3054")
    found = find(row.method, "/" + "/".join(escaped(segment) for segment in plain[1:].split("/")))
    assert isinstance(found, RouteMatch)
    assert (found.route, found.code, found.job) == (row, *values_of(row, code, job))


@each_row("row", IDENTITY_ROUTES, ids=by_operation)
def test_a_path_of_the_identity_domain_takes_no_escapes(row):
    missing(row.method, row.path.replace("o", "%6f", 1).replace("w", "%77", 1).replace("u", "%75", 1))


@each_row("job", ["a%2520b", "a%2Bb", "a+b", "%zz", "100%"])
def test_a_path_is_decoded_once_and_plus_is_a_plus(job):
    found = find("GET", f"{API}/agent/v2/EXPENSES/status/{job}")
    assert found.job == {"a%2520b": "a%20b", "a%2Bb": "a+b"}.get(job, job)


@every_row
def test_a_template_sent_as_it_is_printed_holds_its_braces(row):
    found = find(row.method, row.path.replace("{release}", "3054"))
    assert (found.route, found.code, found.job) == (row, *values_of(row, "{code}", "{job}"))


@each_row(
    ("release", "there"),
    [("3054", True), ("1", True), ("%33054", True), ("", False), ("x", False), ("30x", False), ("-1", False),
     ("{release}", False), ("3054:1", False)],
)  # fmt: skip
def test_a_release_is_a_number(release, there):
    path = RELEASE_WORKFLOWS.replace("{release}", release)
    for written in (path, path.replace(":", "%3A").replace("$", "%24")):
        assert isinstance(find("GET", written), RouteMatch) is there
    assert find("GET", RELEASE_WORKFLOWS.replace("{release}", "3054")).name == find("GET", WORKFLOWS).name


@every_row
def test_nothing_that_is_filled_in_moves_a_path(row):
    path = filled(row, "a/b?c#d%2F", "../é")
    assert path.count("/") == row.path.count("/") and not set("?# é") & set(path)


def test_two_rows_never_mean_the_same_request():
    lines = [(row.method, row.path) for row in ROWS]
    assert len(set(lines)) == len(lines)
    assert not {row.name for row in IDENTITY_ROUTES} & {row.name for row in DIALECT_ROWS}
    names = [{row.name for row in wire.routes} for wire in wires()]
    assert sum(map(len, names)) == len(set.union(*names))


@every_row
def test_the_path_of_a_name_leads_back_to_it(row):
    path = ROUTER.path(row.name, code="A B", job="é/")
    # a name's first row is one that no switch brings, if it has any
    first = next(each for each in (*IDENTITY_ROUTES, *DIALECT_ROWS) if each.name == row.name)
    assert path == filled(first, "A B", "é/")
    if "{job}" not in row.path:
        assert ROUTER.at(path).name == row.name
        if not first.only or first in IDENTITY_ROUTES:
            assert ROUTER.name(first.method, path) == row.name


# What is not


@every_row
@each_row("local", [False, True])
def test_another_method_is_refused_with_those_of_the_path(row, local):
    if row in LOCAL_ROUTES and not local:
        return
    allowed = [each.method for each in ROWS if each.path == row.path]
    for method in METHODS:
        found = find(method, filled(row), local=local)
        if method in allowed:
            assert isinstance(found, RouteMatch) and found.route.method == method
        else:
            assert (found.status, found.headers) == (405, (("allow", ", ".join(allowed)),))
            assert ROUTER.name(method, filled(row)) == "unknown"
    assert ROUTER.at(filled(row)).route.path == row.path


@each_row("target", ["lab.test:443", "/", ""])
def test_connect_names_a_host_and_no_path(target):
    assert dict(find("CONNECT", target).headers)["allow"] == "GET, POST"


@each_row("segment", [".", "..", "a%2Fb", "%2e%2e", "%2E", "%00", "a%00b", "%ff", "%c3%28", "%ed%a0%80"])
@each_row("parameter", ["{code}", "{job}"])
def test_what_no_segment_can_be_is_nowhere(parameter, segment):
    rows = [row for row in DIALECT_ROWS if parameter in row.path.split("/")]
    assert rows
    for row in rows:
        path = row.path.replace(parameter, segment).format(code="EXPENSES", job="j-1", config="c-1", endpoint="e-1")
        said = ROUTER.wire_at(path).missing("/", "") or no_path()
        assert (find(row.method, path), ROUTER.name(row.method, path)) == (said, "unknown"), row


@each_row("row", LOCAL_ROUTES, ids=by_operation)
def test_a_local_orchestrators_path_is_there_with_its_switch_alone(row):
    assert row_of(row.method, filled(row)) is row
    assert missing(row.method, filled(row), local=False)
    assert ROUTER.name(row.method, filled(row)) == "unknown"
    assert ROUTER.at(filled(row)).route.path == row.path


@every_row
def test_the_switch_moves_no_other_path(row):
    if row not in LOCAL_ROUTES:
        assert row_of(row.method, filled(row), local=False) is row_of(row.method, filled(row), local=True) is row


NEAR = {
    "/orchestrator": 0,
    "/orchestrator/agent/v2/EXPENSES": 0,
    f"{API}/agent/v2/cancel": 1,
    f"{API}/agent/v1/jobs": 1,
    f"{API}/agent/v2/%63ancel": 1,
    f"{API}/agent/v2/EXPENSES/invokeAsync/j-1": 2,
    f"{API}/agent/v2/status/j-1": 3,
    f"{API}/agent/v2/EXPENSES": 4,
    "/internal/v1/agent/EXPENSES/chat": 6,
    f"{API}/agent/v2/EXPENSES/resume": 7,
    f"{API}/agent/v2/EXPENSES/jobs/j-1": 7,
    f"{API}/agent/v2/EXPENSES/status": 8,
    f"{API}/agent/v2/EXPENSES/": 4,
    f"{API}/agent/v2/EXPENSES/jobs/": 7,
    "/_lab/jobs": 5,
}
FINAL_SLASH = "Leave the final slash out."


@each_row("path", NEAR)
@each_row("method", ["GET", "POST", "DELETE"])
def test_a_near_miss_says_what_to_do_instead(method, path):
    assert missing(method, path, local=False) == NEAR_MISSES[NEAR[path]][1]


def test_each_hint_has_a_path_that_gets_it():
    assert set(NEAR.values()) == set(range(len(NEAR_MISSES)))


@every_row
def test_a_final_slash_is_said_to_be_one_where_the_path_without_it_is_there(row):
    assert missing(row.method, filled(row) + "/") == FINAL_SLASH


@each_row("word", CAPABILITIES)
def test_the_first_word_of_a_path_says_what_of_the_pod_it_belongs_to(word):
    for around in ("/api/boss/data/objects/{}", "/{}/1", "/api/x/{}/rows/agents/tools", "/fscmRestApi/{}/"):
        for spelt in (word, word.upper(), word.title()):
            hint = missing("GET", around.format(spelt))
            assert hint == f"On the pod this path belongs to {CAPABILITIES[word]}. {HAS}" != HAS, around.format(spelt)


def test_the_words_are_the_eleven_of_the_pod_and_each_says_something_of_its_own():
    assert len(CAPABILITIES) == len(set(CAPABILITIES.values())) == 11
    assert CAPABILITIES.keys() == {word.lower() for word in CAPABILITIES}


@each_row("path", ["/", "/favicon.ico", "/api/boss/data", "/api/toolset/ragged", "/hcmRestApi/x/"])
def test_a_path_of_the_pod_without_any_word_is_told_what_the_lab_has(path):
    assert missing("GET", path) == HAS
    assert API in HAS and "lab openapi" in HAS


@each_row("path", ["/oauth2/v1/userinfo", "/admin/v1/applications", "/ui/v1/x", "/.well-known/agents"])
def test_a_path_of_the_identity_domain_is_told_nothing_of_the_pod(path):
    assert missing("GET", path) == ""


def expected(method, path, local):
    """The row as the tables say it, row by row and segment by segment; a status where there is none."""
    rows = [row for row in ROWS if local or row not in LOCAL_ROUTES]
    plain = [row for row in rows if row.path == path]
    others = [row for row in rows if _fits(row.path.split("/"), path.split("/"))]
    meant = plain or [row for row in others if row.path == others[0].path]
    if not meant:
        return 404
    return next((row for row in meant if row.method == method), 405)


def _fits(template, segments):
    return len(template) == len(segments) and all(
        part.replace("{release}", "3054") == segment
        # what stands behind a parameter, as in {job}:cancel, ends the segment
        or (
            part.startswith("{")
            and segment.removesuffix(behind := part.partition("}")[2]) + behind == segment != behind
        )
        for part, segment in zip(template, segments, strict=True)
    )


WORDS = sorted({segment for row in ROWS for segment in row.path.split("/") if segment and "{" not in segment})


@st.composite
def paths(draw):
    """A row's path with up to two segments changed, left out or put in."""
    segments = filled(draw(st.sampled_from(ROWS))).split("/")[1:]
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(segments) - 1)) if segments else 0
        segments[at : at + draw(st.integers(0, 1))] = draw(st.lists(st.sampled_from([*WORDS, "x"]), max_size=1))
    return "/" + "/".join(segments)


@given(method=st.sampled_from(["GET", "POST", "PUT"]), path=paths(), local=st.booleans())
def test_a_path_beside_the_rows_is_found_where_a_row_fits_and_nowhere_else(method, path, local):
    found = find(method, path, local=local)
    assert (found.route if isinstance(found, RouteMatch) else found.status) == expected(method, path, local)


# What faults and latencies may name


def named(*kinds):
    return {row.name for row in DIALECT_ROWS if row.kind in kinds}


def test_faults_and_latencies_may_name_every_route_and_nothing_else():
    assert len(FAULT_ROUTES) == len(set(FAULT_ROUTES)) and set(FAULT_ROUTES) == {row.name for row in ROWS} | {"cancel"}
    assert OF_A_FORM == FORM_ROUTES
    assert named("look", "invoke", "follow", "call") == OF_A_JOB
    assert named("open") | IDENTITY_NAMES == WITHOUT_BEARER | {"jwks"}
    assert set(FAULT_ROUTES) > WITHOUT_JSON


# Runs of slashes


@given(row=st.sampled_from(ROWS), data=st.data())
def test_runs_of_slashes_count_as_one_and_are_noted(row, data):
    path = filled(row)
    runs = data.draw(st.lists(st.integers(1, 3), min_size=path.count("/"), max_size=path.count("/")))
    first, *rest = path.split("/")
    longer = first + "".join("/" * run + segment for run, segment in zip(runs, rest, strict=True))
    found = find(row.method, longer)
    assert (found.route, found.code, found.job) == (row, *values_of(row, "EXPENSES", "j-1"))
    assert found.flags == (() if longer == path else ("double_slash",))
    if longer != path:
        assert "//" in missing(row.method, longer, slashes=False)
    assert row_of(row.method, path, slashes=False) is row


def test_a_slash_at_the_end_is_no_run():
    assert missing("POST", f"{API}/agent/v2/EXPENSES/invokeAsync//") == FINAL_SLASH


# The table itself


def table(*lines):
    return RouteTable(read_routes("\n".join(lines), "method path name"))


def name_at(routes, path):
    found = routes.at(path)
    return found and next(iter(found[0].values())).name


@each_row("order", [1, -1])
def test_a_path_without_parameters_comes_before_those_that_would_fit_it(order):
    routes = table(*("GET | /a/{code} | any", "GET | /a/b | one")[::order])
    assert (name_at(routes, "/a/b"), name_at(routes, "/a/c")) == ("one", "any")


def test_of_two_templates_the_first_that_fits_is_meant():
    routes = table("GET | /{code}/b | first", "GET | /a/{code} | second", "GET | /a/{code}/{job} | third")
    assert [name_at(routes, path) for path in ("/a/b", "/a/c", "/a/b/c", "/c/b")] == [
        "first", "second", "third", "first",
    ]  # fmt: skip


def test_rows_of_one_path_are_its_methods_in_their_order():
    found = table("POST | /a/{code} | put", "GET | /b | other", "GET | /a/{code} | get").at("/a/x")
    assert [(method, row.name) for method, row in found[0].items()] == [("POST", "put"), ("GET", "get")]


@each_row("path", ["/", "", "/a", "/a/", "/a/x/", "a/x", "/a/x/y", "/axb"])
def test_a_table_finds_nothing_beside_its_paths(path):
    assert table("GET | /a/{code} | any", "GET | /a.b | dot").at(path) is None


def test_a_table_without_rows_finds_nothing():
    assert RouteTable(()).at("/") is None


@given(st.lists(SEGMENTS, min_size=1, max_size=5), SEGMENTS)
def test_a_parameter_is_a_whole_segment_and_literals_are_taken_as_they_are(literals, value):
    # braces are how a template writes a parameter, so no literal has them
    literals = [each.translate({ord("{"): "(", ord("}"): ")"}) for each in literals]
    row = Route("GET", "/" + "/".join(literals) + "/{code}", "any")
    found = RouteTable([row]).at("/" + "/".join(literals) + "/" + value)
    assert found is not None and found[0]["GET"] is row


def test_a_row_names_every_column():
    assert read_routes("GET | /a | one | - ", "method path name operation") == (Route("GET", "/a", "one", ""),)
    with pytest.raises(ValueError, match="zip"):
        read_routes("GET | /a", "method path name")
