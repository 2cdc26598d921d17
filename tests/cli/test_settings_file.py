"""`--settings FILE`: what it gives, and what is wrong with it, all at once and each in its place."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from lab.cli.setup import SettingsFile, make_setup, own_client, read_settings_file
from lab.core.errors import ScenarioError, UsageError
from lab.identity.account_settings import looks_real
from lab.identity.clients import DEMO, GRANTS, JANE, Account, Client, Grant, pod_users
from lab.identity.testkey import CERTIFICATE_PEM, CLIENT_CERTIFICATE_PEM, PRIVATE_PEM
from lab.server.limits import LIMIT_KINDS, ServerLimits
from tests.conftest import Lab, each_row
from tests.settings import mock_of

FULL = """\
# a portal's lab
hints: off
invoke_status: 200
clients: any
base: https://lab.example/
limits:
  body: 2MiB
  header_deadline: 500ms
  connections: 7
accounts:
  users:
    - {name: ann, password: "lab-pass:word", display: Ann Lee, roles: [BUYER, CLERK]}
  clients:
    - id: portal
      secret: lab-secret-of-the-portal
      grants: [client_credentials, device_code, jwt-bearer]
      redirects: ["http://127.0.0.1:9000/back"]
    - {id: app, public: true, redirects: ["com.example.app:/back"]}
    - {id: off, secret: lab-secret-x, active: false}
"""


def given(text: str, tmp_path: Path) -> SettingsFile:
    file = tmp_path / "lab.yaml"
    file.write_text(text)
    return read_settings_file(str(file))


def test_a_file_gives_switches_limits_and_accounts(tmp_path: Path) -> None:
    got = given(FULL, tmp_path)
    assert got.switches == {"clients": "any", "hints": False, "invoke_status": 200}
    assert got.base == "https://lab.example"
    assert given("limits: {recording: 16GiB}", tmp_path).limits.recording == 1 << 34
    assert got.limits == ServerLimits(body=2 * 1024 * 1024, header_deadline=0.5, connections=7)
    assert got.accounts == (Account("ann", "lab-pass:word", "Ann Lee", ("BUYER", "CLERK")), JANE)
    portal, app, off, demo = got.clients
    few = frozenset({Grant.CLIENT_CREDENTIALS, Grant.DEVICE, Grant.ASSERTION})
    assert portal == Client("portal", "lab-secret-of-the-portal", ("http://127.0.0.1:9000/back",), few)
    assert (app.public, app.redirects, app.grants) == (True, ("com.example.app:/back",), GRANTS)
    assert (off.active, demo) == (False, DEMO)


def test_a_client_may_stand_for_a_user_of_the_pod(tmp_path: Path) -> None:
    text = """\
accounts:
  users: [{name: ann, password: lab-password-ann, roles: [BUYER]}]
  clients:
    - {id: by-id, secret: lab-secret-1, roles: [PAYABLES, CLERK]}
    - {id: by-name, secret: lab-secret-2, user: ann}
    - {id: robot-1, secret: lab-secret-3, user: robot, roles: [CLERK]}
    - {id: robot-2, secret: lab-secret-4, user: robot, roles: [CLERK, CLERK]}
    - {id: itself, secret: lab-secret-5}
"""
    got = given(text, tmp_path)
    assert [(each.user, each.roles) for each in got.clients[:5]] == [
        ("by-id", ("PAYABLES", "CLERK")),
        ("ann", ()),
        ("robot", ("CLERK",)),
        ("robot", ("CLERK", "CLERK")),
        ("", ()),
    ]
    assert [each.name for each in got.accounts] == ["ann", "jane"], "the others can't log in"
    assert {each.name: each.roles for each in pod_users(got.clients, got.accounts)} == {
        "ann": ("BUYER",), "jane": (), "by-id": ("PAYABLES", "CLERK"), "robot": ("CLERK",),
    }  # fmt: skip


def test_the_usual_accounts_may_be_told_otherwise(tmp_path: Path) -> None:
    text = (
        "accounts: {users: [{name: jane, password: lab-other-word}], clients: [{id: demo, secret: lab-other-secret}]}"
    )
    got = given(text, tmp_path)
    assert [(each.name, each.password) for each in got.accounts] == [("jane", "lab-other-word")]
    assert [(each.id, each.secret) for each in got.clients] == [("demo", "lab-other-secret")]


@pytest.mark.parametrize(
    ("text", "complaints"),
    [
        ("", ["1:1: the file is empty; write a switch, as hints: off"]),
        ("- a", ["1:1: settings are a mapping of names; as in hints: off"]),
        ("hint: off", ["1:1: unknown key hint; did you mean hints?"]),
        ("users: []", ["1:1: unknown key users; write accounts: {users: …}"]),
        ("hints: off\nhints: on", ["2:1: duplicate key hints; the first is on line 1"]),
        ("hints: &a off\nbody: *a", ["1:8: anchor &a; write the value out where it is used", "2:7: alias *a; write the value out"]),
        ("invoke_status: 201\ntypes: stric", ["1:16: invoke_status: takes 202 or 200", "2:8: types: takes lenient or strict; did you mean strict?"]),
        ("base: lab.example", ["1:7: base: is an origin, as https://host or http://host:port"]),
        ("limits: {bodi: 1}", ["1:10: limits: unknown key bodi; did you mean body?"]),
        ("limits: {body: 0}", ["1:16: limits.body: is from 1 to 9007199254740992"]),
        ("limits: {body: 1.5}", ["1:16: limits.body: takes a whole number, or a size such as 64KiB"]),
        ("limits: {body: true}", ["1:16: limits.body: takes a whole number, or a size such as 64KiB"]),
        ("limits: {body: 1MB}", ["1:16: limits.body: a size is a number of bytes, or written 64KiB, 1MiB"]),
        ("limits: {connections: '3'}", ["1:23: limits.connections: takes a whole number"]),
        ("limits: {recording: 65535}", ["1:21: limits.recording: is from 64KiB to 16GiB"]),
        ("limits: {recording: 17GiB}", ["1:21: limits.recording: is from 64KiB to 16GiB"]),
        ("limits: {recording: big}", ["1:21: limits.recording: a size is a number of bytes, or written 64KiB, 1MiB"]),
        ("limits: {idle: 10}", ["1:16: limits.idle: a duration needs a unit: write 10s or 10ms"]),
        ("limits: {idle: 0s}", ["1:16: limits.idle: a time is more than 0ms"]),
        ("limits: 3", ["1:9: limits: takes keys and values"]),
        ("accounts: {clients: [{id: a, secrt: lab-secret}]}", ["1:30: accounts.clients[0]: unknown key secrt; did you mean secret?"]),
        ("accounts: {clients: [{id: 'a b', public: true}, {id: 'b c', public: true}]}", ["1:27: accounts.clients[0].id: is without", "1:54: accounts.clients[1].id: is without"]),
        ("accounts: {clients: [{id: a}]}", ["1:22: accounts.clients[0]: secret is missing; one that can't keep a secret says public: true"]),
        ("accounts: {clients: [{id: a, secret: short}]}", ["1:38: accounts.clients[0].secret: is too short to be kept out of a recording: 8 characters or more"]),
        ("accounts: {clients: [{id: a, secret: lab-wrong}]}", ["1:38: accounts.clients[0].secret: lab-wrong is the secret that no lab takes"]),
        ("accounts: {clients: [{id: a, secret: lab-secret, public: true}]}", ["1:38: accounts.clients[0].secret: a public client has no secret; leave it out, or public"]),
        ("accounts: {clients: [{id: 'a:b', public: true}]}", ["1:27: accounts.clients[0].id: is without blanks and colons, at most 200 characters"]),
        ("accounts: {clients: [{id: a, public: true}, {id: a, public: true}]}", ["1:45: accounts.clients[1]: a second one called a"]),
        ("accounts: {clients: [{id: a, public: true, grants: [device]}]}", ["1:53: accounts.clients[0].grants[0]: takes "]),
        ("accounts: {clients: [{id: a, public: true, redirects: [/back, 'javascript:x', 'http://a/#b', 'http://a:0/', 'http://a:65536']}]}", [
            "1:56: accounts.clients[0].redirects[0]: a redirect URI is absolute, as http://127.0.0.1:8000/callback",
            "1:63: accounts.clients[0].redirects[1]: javascript: is never redirected to",
            "1:79: accounts.clients[0].redirects[2]: a redirect URI has no fragment",
            "1:94: accounts.clients[0].redirects[3]: a port is a number from 1 to 65535",
            "1:109: accounts.clients[0].redirects[4]: a port is a number from 1 to 65535",
        ]),
        ("accounts: {clients: [{id: a, public: true, roles: [X]}]}", ["1:51: accounts.clients[0].roles: its own tokens alone stand for it; needs a secret and the grant client_credentials"]),
        ("accounts: {clients: [{id: a, secret: lab-secret, grants: [password], user: jane}]}", ["1:76: accounts.clients[0].user: its own tokens alone stand for it; needs a secret and the grant client_credentials"]),
        ("accounts: {clients: [{id: a, secret: lab-secret, user: jnae}]}", ["1:56: accounts.clients[0].user: nobody is called jnae; did you mean jane?"]),
        ("accounts: {clients: [{id: a, secret: lab-secret, user: robot}]}", ["1:56: accounts.clients[0].user: nobody is called robot; name one of users, or give it roles here"]),
        ("accounts: {clients: [{id: a, secret: lab-secret, user: jane, roles: [X]}]}", ["1:69: accounts.clients[0].roles: the roles of jane are those under users; name them there alone"]),
        ("accounts: {clients: [{id: jane, secret: lab-secret, roles: [X]}]}", ["1:60: accounts.clients[0].roles: the roles of jane are those under users; name them there alone"]),
        ("accounts: {clients: [{id: a, secret: lab-secret, user: r, roles: [X]}, {id: b, secret: lab-secret, user: r, roles: [Y]}]}", ["1:116: accounts.clients[1].roles: r has other roles above; give the same, or the user under users"]),
        ("accounts: {clients: [{id: a, secret: lab-secret, user: 'a b', roles: ['', 'a,b']}]}", ["1:56: accounts.clients[0].user: is without blanks and colons, at most 200 characters", "1:71: accounts.clients[0].roles[0]: ", "1:75: accounts.clients[0].roles[1]: "]),
        ("accounts: {users: [{name: a}]}", ["1:20: accounts.users[0]: password is missing"]),
        ("accounts: {users: [{name: a, password: ocid1.user.oc1}]}", ["1:40: accounts.users[0].password: this looks like a real secret; the lab's look false: begin it with lab-"]),
        ("accounts: {clients: [{id: a, public: true, certificate: x}]}", ["1:57: accounts.clients[0].certificate: no RSA key can be read here"]),
        ("accounts: {clients: [{id: a, public: true, jwk: {kty: RSA}}]}", ["1:49: accounts.clients[0].jwk: no RSA key can be read here"]),
        ("accounts: {clients: [{id: a, public: true, jwk: {kty: RSA, d: x}}]}", ["1:49: accounts.clients[0].jwk: this is a private key"]),
    ],
)  # fmt: skip
def test_every_mistake_is_told_at_its_place(text: str, complaints: list[str], tmp_path: Path) -> None:
    with pytest.raises(ScenarioError) as caught:
        given(text, tmp_path)
    found = [str(each).removeprefix(f"{tmp_path / 'lab.yaml'}:") for each in caught.value.complaints]
    assert len(found) == len(complaints), found
    for got, expected in zip(found, complaints, strict=True):
        assert got.startswith(expected), found


def test_a_command_prints_the_complaints_and_ends_with_2(lab: Lab) -> None:
    (lab.folder / "lab.yaml").write_text("hint: off\nlimits: {bodi: 1}\n")
    done = lab("run", "item-comparison", "--speed", "instant", "--settings", "lab.yaml")
    assert done.code == 2
    assert "lab.yaml:1:1: unknown key hint" in done.err
    assert "lab.yaml:2:10: limits: unknown key bodi" in done.err
    assert lab("serve", "--settings", "nowhere.yaml").code == 2


@each_row(
    ("secret", "real"),
    [
        ("lab-secret-a:b/c+d%e", False), ("correct horse battery staple", False), ("password", False), ("s3cret-word", False),
        ("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.sig", True), ("ocid1.user.oc1..aaaa", True), (PRIVATE_PEM, True),
        ("idcscs-0b9e4a63", True), ("1f6de4d5-40a3-4b25-b9f0-c39d2fe7e0be", True), ("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLE", True),
        ("lab-wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLE", False), ("aaaaaaaaaaaaaaaaaaaaaaaa1", False), ("q8Zr2Lw9Xk4Vt7Nb1Mc5", True),
    ],
)  # fmt: skip
def test_a_secret_that_could_open_something_is_told_from_one_that_is_made_up(secret: str, real: bool) -> None:
    assert looks_real(secret) is real


def pem(indent: str, text: str) -> str:
    return "|\n" + "".join(f"{indent}{line}\n" for line in text.strip().splitlines())


def test_keys_are_given_as_certificate_as_public_key_or_as_jwk(tmp_path: Path) -> None:
    import jwt
    from cryptography.x509 import load_pem_x509_certificate

    public = load_pem_x509_certificate(CLIENT_CERTIFICATE_PEM.encode()).public_key()
    bare = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    jwk = jwt.algorithms.RSAAlgorithm.to_jwk(public)
    head = "accounts:\n  clients:\n    - id: a\n      secret: lab-secret\n      key_id: k\n"
    for text in (
        f"certificate: {pem('        ', CERTIFICATE_PEM)}",
        f"certificate: {pem('        ', bare)}",
        f"jwk: {jwk}",
    ):
        (client, _) = given(f"{head}      {text}", tmp_path).clients
        assert client.certificate
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    text = other.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    with pytest.raises(ScenarioError, match="no RSA key"):
        given(f"{head}      certificate: {pem('        ', text)}", tmp_path)
    with pytest.raises(ScenarioError, match="private key"):
        given(f"{head}      certificate: {pem('        ', PRIVATE_PEM)}", tmp_path)


def test_our_own_app_asks_as_the_first_client_that_may(tmp_path: Path) -> None:
    (tmp_path / "lab.yaml").write_text(FULL)
    setup = make_setup(mock_of(["serve", "--settings", str(tmp_path / "lab.yaml")], {"LAB_HINTS": "on"}))
    assert own_client(setup.config).id == "portal"
    assert (setup.config.switches.hints, setup.config.switches.invoke_status, setup.config.base) == (
        True,
        200,
        "https://lab.example",
    )
    (tmp_path / "lab.yaml").write_text("accounts: {clients: [{id: demo, public: true}]}")
    setup = make_setup(mock_of(["serve", "--settings", str(tmp_path / "lab.yaml")], {}))
    with pytest.raises(UsageError, match="client_credentials"):
        own_client(setup.config)


def test_a_run_with_accounts_of_its_own_replays_without_the_file(lab: Lab) -> None:
    (lab.folder / "lab.yaml").write_text(FULL)
    done = lab("run", "item-comparison", "--speed", "instant", "--settings", "lab.yaml", "--record", "./day")
    assert done.code == 0, done.err
    (lab.folder / "lab.yaml").unlink()
    text = (lab.folder / "day.rec.jsonl").read_text()
    assert '"judged":[["portal",0]]' in text and '"Basic lab-C1-secret"' in text
    for secret in ("lab-secret-of-the-portal", "lab-pass:word", "lab-secret-x"):
        assert secret not in text
    done = lab("replay", "./day.rec.jsonl")
    assert (done.code, done.out) == (0, "1 passed, 0 failed\n"), done.err


def test_every_limit_has_a_kind() -> None:
    assert list(LIMIT_KINDS) == list(ServerLimits.__struct_fields__)
    assert set(LIMIT_KINDS.values()) == {"bytes", "disk", "count", "time"}
