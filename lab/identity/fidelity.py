"""What is documented and what was observed of assertions and of clients (contract.md §1, §7.2); routes say it in their rows."""

from lab.core.fidelity import read_claims

_PAGE = "docs.oracle.com, Identity/api-getstarted/ClientAssertion"
_HOW_TO = "oracle-samples/fusion-ai-studio, how-to-configure-oauth-for-aistudio-cli"

ASSERTION = read_claims(
    "assertion",
    f"""
    exp | doc rfc | number | - | required | {_PAGE}
    iat | doc rfc | number | - | may be left out | {_PAGE}
    aud | doc rfc | string/array | - | one of them is the domain's URL; the issuer's and oauth.idm.oracle.com are taken too | {_PAGE}
    jti | doc rfc | string | assertion_jti | not listed: it may come again; in rfc it comes once | {_PAGE}
    """,
)
CLIENT = read_claims(
    "client",
    f"""
    grant_type | code | - | - | of the CLI's client: authorization code and refresh, no device code; its implicit grant isn't served | {_HOW_TO}
    redirect_uri | code | - | - | of the CLI's client: http://127.0.0.1:43188/callback and urn:ietf:wg:oauth:2.0:oob | {_HOW_TO}
    roles | seen | - | - | of a client whose id is modelled as a user: its own tokens have them | threads 59208093712, 53205366678
    """,
)
IDENTITY_CLAIMS = (*ASSERTION, *CLIENT)
