"""The RSA key that signs the lab's tokens, and one for a client's assertions, each with its certificate.

PUBLIC, FOR TESTS ONLY, never to be used elsewhere.

A generated key would differ every run, and recordings with it; RS256 signatures are deterministic.
"""

from importlib.resources import files


def _pem(name: str) -> str:
    return files("lab.identity").joinpath("pem", f"{name}.pem").read_text("ascii")


KEY_ID = "lab-public-test-key"
PRIVATE_PEM = _pem("lab-key")
CERTIFICATE_PEM = _pem("lab-certificate")
"""The certificate of the lab's key: its thumbprints are `x5t` and `x5t#S256`."""

CLIENT_KEY_ID = "lab-public-client-key"
CLIENT_PRIVATE_PEM = _pem("client-key")
CLIENT_CERTIFICATE_PEM = _pem("client-certificate")
"""The certificate that is registered for the client `demo`."""
