"""The RSA keys that sign the lab's tokens, and one for a client's assertions, each with its certificate.

PUBLIC, FOR TESTS ONLY, never to be used elsewhere.

A generated key would differ every run, and recordings with it; RS256 signatures are deterministic.
"""

from pathlib import Path
from typing import Literal, TypeAlias


def _pem(name: str) -> str:
    return (Path(__file__).parent / "pem" / f"{name}.pem").read_text("ascii")


KeyId: TypeAlias = Literal["lab-public-test-key", "lab-public-second-test-key"]
"""The `kid` of a key that signs tokens."""
KEY_ID: KeyId = "lab-public-test-key"
PRIVATE_PEM = _pem("lab-key")
CERTIFICATE_PEM = _pem("lab-certificate")
"""The certificate of the lab's key: its thumbprints are `x5t` and `x5t#S256`."""
SECOND_KEY_ID: KeyId = "lab-public-second-test-key"
SIGNING_PEMS: dict[KeyId, tuple[str, str]] = {
    KEY_ID: (PRIVATE_PEM, CERTIFICATE_PEM),
    SECOND_KEY_ID: (_pem("second-key"), _pem("second-certificate")),
}
"""Key and certificate by `kid`: the first signs until a rotation brings in the second, and the next one the first again."""

CLIENT_KEY_ID = "lab-public-client-key"
CLIENT_PRIVATE_PEM = _pem("client-key")
CLIENT_CERTIFICATE_PEM = _pem("client-certificate")
"""The certificate that is registered for the client `demo`."""
