"""Some time after its end a token or a code is forgotten: then it is answered as one that never was, and leaves the lab."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.core.exchange import Request
from lab.core.journal.fact import Fact, RecordsDropped
from lab.core.journal.ledger import MemoryLedger
from lab.core.journal.numbers import NumberUsed
from lab.core.observe import Replied
from lab.identity.clients import DEMO, JANE
from lab.identity.facts import TokenGranted, TokenRevoked
from lab.identity.records import EXPIRED_FOR, REFRESH_LIFETIME, FamilyRecord, RefreshRecord, TokenRecord
from lab.mock.batches import BatchedService
from lab.mock.service import Service
from lab.mock.sizes import sizes_of
from lab.recording.format.reader import read as read_recording
from lab.recording.format.snapshot import snapshot
from lab.recording.replay.replay import replay
from lab.recording.tape.header import recording_header
from lab.recording.tape.tape import Tape
from tests.conftest import each_row, examples
from tests.mock.test_fold import NAMES, STAY, SWITCHES, Peer, Step, from_disk, journaled
from tests.recording.joined import Joined, config, scenario
from tests.wire_peer import (
    ASSERTION_GRANT,
    DEVICE_GRANT,
    EPOCH,
    OTHER,
    SCOPE,
    TV,
    assertion,
    code_exchange,
    code_of,
    form_post,
    invoke,
    read,
    service,
    token,
    token_request,
)

HOUR = 3_600_000
UNKNOWN = "The token was not issued by this run of the lab."
EXPIRED = "The token expired."
IDENTITY = [name for name in dict.fromkeys(NAMES) if name not in ("arm", "edit", "reset", "decide", "resume")]
STEPS = st.lists(
    st.tuples(st.sampled_from([*IDENTITY, *["time"] * 6]), st.integers(0, 29), st.integers(0, 59)),
    min_size=20,
    max_size=80,
)


class LongLived(Peer):
    """A peer for whom long times pass."""

    def call(self, name: str, a: int, b: int):
        if name == "time":
            self.now += (1, 59_000, 180_000, 300_000, HOUR, 2 * HOUR, REFRESH_LIFETIME)[b % 7]
        return super().call(name, a, 0 if name == "time" else b)


@pytest.mark.long
@given(steps=STEPS, switches=st.sampled_from(SWITCHES), cut=st.integers(0, 79))
@examples(30, thorough=3_000)
def test_a_lab_that_drops_what_is_forgotten_answers_as_one_that_keeps_it(
    steps: list[Step], switches: dict[str, object], cut: int
) -> None:
    mock, keeps = service(**switches), service(**switches)
    keeps.drops = False
    facts, peer = journaled(mock), LongLived(mock)
    token(keeps), token(keeps, 0, OTHER)
    kept = journaled(keeps)
    again: Service | None = None
    since = len(facts)
    for place, step in enumerate(steps):
        if place == cut % len(steps):
            again = service(**switches)
            again.rewind(tuple(from_disk_of(facts)), peer.now)
        call = peer.call(*step)
        got = call(mock)
        peer.learn(got)
        assert call(keeps) == got, step
        assert again is None or call(again) == got, step
    shown = [fact for fact in facts[since:] if not isinstance(fact, RecordsDropped)]
    assert shown == kept, "so their tapes are the same"
    late = [sorted(map(repr, snapshot(each, peer.now))) for each in (mock, keeps)]
    assert late[0] == late[1], "and those that begin late"
    folded = MemoryLedger()
    folded.commit(facts)
    assert folded._records == mock.ledger._records
    assert set(mock.ledger._records) <= set(keeps.ledger._records)


def from_disk_of(facts: list[Fact]) -> list[Fact]:
    from lab.recording.format.journal_lines import facts_line

    return from_disk([facts_line(facts)])


@each_row("drops", [True, False])
def test_a_token_is_known_to_have_expired_for_an_hour(drops: bool) -> None:
    mock = service()
    mock.drops = drops
    bearer = token(mock)
    for now, said in ((HOUR, EXPIRED), (2 * HOUR - 1, EXPIRED), (2 * HOUR, UNKNOWN)):
        token(mock, now)
        assert said in str(mock.serve(invoke(bearer, {"message": "Bus"}), now).response.header("www-authenticate"))
    assert mock.knows_token(bearer) is not drops


@each_row("drops", [True, False])
def test_a_forgotten_token_can_t_be_revoked(drops: bool) -> None:
    mock = service()
    mock.drops = drops
    facts, bearers = journaled(mock), [token(mock), token(mock)]
    for bearer, now in zip(bearers, (2 * HOUR - 1, 2 * HOUR), strict=True):
        assert mock.serve(form_post("/oauth2/v1/revoke", token=bearer), now).response.status == 200
    assert [fact.token for fact in facts if isinstance(fact, TokenRevoked)] == bearers[:1]


@each_row("drops", [True, False])
def test_a_refresh_token_is_forgotten_at_its_end_and_one_that_comes_again_ends_its_login_until_then(
    drops: bool,
) -> None:
    for before_end, revoked in ((1, True), (0, False)):
        mock = service()
        mock.drops = drops
        facts = journaled(mock)
        login = token_request("password", username=JANE.name, password=JANE.password, scope=STAY)
        first = str(read(mock.serve(login, 0).response)["refresh_token"])
        traded = token_request("refresh_token", refresh_token=first, scope="")
        assert mock.serve(traded, REFRESH_LIFETIME - 1).response.status == 200
        got = mock.serve(traded, REFRESH_LIFETIME - before_end).response
        assert read(got)["error"] == "invalid_grant"
        assert ("reused" in {fact.why for fact in facts if isinstance(fact, TokenRevoked)}) is revoked


@each_row("drops", [True, False])
@each_row(("after", "ends"), [(EXPIRED_FOR - 1, True), (EXPIRED_FOR, False)])
def test_a_code_that_comes_again_ends_its_login_for_an_hour_after_its_end(after: int, ends: bool, drops: bool) -> None:
    mock = service()
    mock.drops = drops
    facts, code = journaled(mock), code_of(mock, scope=STAY)
    assert mock.serve(code_exchange(code), 1).response.status == 200
    token(mock, 180_000 + after)
    assert read(mock.serve(code_exchange(code), 180_000 + after).response)["error"] == "invalid_grant"
    assert ("reused" in {fact.why for fact in facts if isinstance(fact, TokenRevoked)}) is ends


@each_row("drops", [True, False])
def test_a_device_code_is_known_to_have_expired_for_an_hour(drops: bool) -> None:
    mock = service(authorize="page")
    mock.drops = drops
    sent = form_post("/oauth2/v1/device", None, client_id=TV.id, scope=SCOPE, response_type="device_code")
    codes = read(mock.serve(sent, 0).response)
    poll = token_request(DEVICE_GRANT, None, client_id=TV.id, device_code=str(codes["device_code"]))
    for now, said, typed in (
        (300_000, "expired_token", 409),
        (300_000 + HOUR - 1, "expired_token", 409),
        (300_000 + HOUR, "invalid_grant", 404),
    ):
        token(mock, now)
        assert read(mock.serve(poll, now).response)["error"] == said
        assert mock.answer_device(str(codes["user_code"]), "approve", now).status == typed


def asserted(**claims: object) -> Request:
    return token_request(ASSERTION_GRANT, assertion=assertion(**claims))


@each_row("drops", [True, False])
@each_row("seconds", [300, 300.5, 0.0004])
def test_an_assertion_is_good_once_as_long_as_it_is_good_and_its_jti_is_free_afterwards(
    seconds: float, drops: bool
) -> None:
    mock = service(hints=True, assertion_jti="single")
    mock.drops = drops
    once, end = asserted(exp=EPOCH + seconds), -int(-seconds * 1_000 // 1)
    assert mock.serve(once, 0).response.status == 200
    for now in range(max(0, end - 3), end + 3):
        token(mock, now)  # so that what is forgotten goes
        said = str(read(mock.serve(once, now).response)["error_description"])
        assert ("jti was used before" in said) == (now < end), now
        assert ("exp must be later than now" in said) == (now >= end), now
    assert mock.serve(asserted(exp=EPOCH + 900), end + 3).response.status == 200
    assert mock.serve(asserted(exp=EPOCH + 901), end + 4).response.status == 400


@each_row("exp", [1e300, 10**30, 253_402_300_800])
def test_the_jti_of_an_assertion_without_a_sensible_end_is_kept_to_the_end_of_dates(exp: float) -> None:
    mock = service(assertion_jti="single")
    facts = journaled(mock)
    assert mock.serve(asserted(exp=exp), 0).response.status == 200
    (used,) = (fact for fact in facts if isinstance(fact, NumberUsed))
    assert used.until == (253_402_300_799 - EPOCH) * 1_000
    assert from_disk_of(facts) == facts


def test_a_journal_from_before_keeps_every_jti_that_it_has_no_end_for() -> None:
    mock = service(assertion_jti="single")
    mock.rewind((NumberUsed(at=0, counter="jti/demo/j-1", value=1),), 1)
    assert mock.serve(asserted(), 1).response.status == 400


@pytest.mark.long
def test_with_steady_traffic_the_number_of_records_levels_off() -> None:
    mock = service(authorize="auto")
    login = token_request("password", username=JANE.name, password=JANE.password, scope=STAY)
    device = form_post("/oauth2/v1/device", None, client_id=TV.id, scope=SCOPE, response_type="device_code")
    sizes = []
    for day in range(24):
        for hour in range(0, 24, 6):
            now = (day * 24 + hour) * HOUR
            for request in (
                login, device, token_request("client_credentials"), code_exchange(code_of(mock, now, scope=STAY)),
                asserted(now=now, jti=str(now)),
            ):  # fmt: skip
                assert mock.serve(request, now).response.status == 200
        sizes.append(sum(mock.ledger.sizes().values()))
    assert len(set(sizes[9:])) == 1, sizes
    assert mock.ledger.sizes()[RefreshRecord] <= 7 * 4 * 2 + 2 and mock.ledger.sizes()[TokenRecord] <= 10


def test_a_batch_that_is_refused_drops_its_tokens_the_next_time() -> None:
    mock = BatchedService(service().config)
    grant = token_request("client_credentials")

    def tried(now: int):
        return mock.attempt([lambda now: mock.serve(grant, now), lambda now: mock.serve(grant, now)], now)

    for now in (0, 2 * HOUR - 1):
        mock.accept(tried(now))
    for _ in range(2):
        batch = tried(2 * HOUR)
        assert [len(fact.keys) for fact in batch.facts if isinstance(fact, RecordsDropped)] == [2]
        mock.refuse(batch)
    mock.accept(tried(2 * HOUR))
    assert sizes_of(mock.ledger)["tokens"] == 4


def test_a_late_tape_tells_of_a_refresh_token_whose_access_token_is_forgotten() -> None:
    joined = Joined(config())
    login = token_request("password", username=JANE.name, password=JANE.password, scope=STAY)
    refresh = str(read(joined.ask(login))["refresh_token"])
    joined.now = 3 * HOUR
    joined.ask(token_request("client_credentials"))
    assert joined.service.ledger.sizes()[TokenRecord] == joined.service.ledger.sizes()[FamilyRecord] == 1
    opening = snapshot(joined.service, joined.now)
    assert sum(isinstance(fact, TokenGranted) and fact.refresh is not None for fact in opening) == 1
    late: list[bytes] = []
    tape = Tape(joined.service, late.append, recording_header(joined.service.config, lab="0", t=joined.now))
    tape.restate(opening, joined.now)
    joined.service.observers[:] = [tape]
    for wanted in (200, 400):
        reply = joined.service.serve(token_request("refresh_token", refresh_token=refresh, scope=""), joined.now)
        joined.service.tell(Replied(joined.now, reply.x, reply.response, reply.latency))
        assert reply.response.status == wanted
    tape.close(joined.now)
    found = replay(read_recording(b"".join(late)), [scenario()])
    assert found.passed and found.again() == b"".join(late), found.text()


def test_a_rotated_key_is_published_as_if_forgotten_tokens_had_never_been() -> None:
    untils = []
    for drops in (True, False):
        mock = service(profile="rfc")
        mock.drops = drops
        facts = journaled(mock)
        token(mock)
        token(mock, 9 * HOUR, client=OTHER, scope=SCOPE)
        mock.rotate_key(20 * HOUR)
        untils.append(facts[-1])
    assert untils[0] == untils[1] and DEMO.id != OTHER.id
