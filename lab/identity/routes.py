"""The routes of the OAuth server, a row each (contract.md §2.2, §7.4).

All that knows a path of it is made of these rows: the router with its 405s, the discovery documents, the OpenAPI
document and its part of `lab fidelity`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class IdentityRoute:
    """One method of one path."""

    method: str
    path: str
    name: str
    """The route, as recordings and faults name it; several rows may be one route."""
    operation: str
    """The row's own name, and that of its operation in `openapi.yaml`."""
    form: bool
    """Whether a client sends a form, and is refused as RFC 6749 §5.2 has it; a person's browser gets pages."""
    profile: str
    """The profile that alone has it; empty: both."""
    marks: str
    """What says that it is there: marks of contract.md §1, as in the fidelity table."""
    switch: str
    """The switch that changes it, or empty."""
    says: str
    """What it is for, in a few words."""


_TABLE = """
POST | /oauth2/v1/token                        | token       | token                      | form | -   | doc      | clients           | all grants but SAML2
GET  | /oauth2/v1/authorize                    | authorize   | authorize                  | -    | -   | doc code | authorize         | authorization code with PKCE
POST | /oauth2/v1/device                       | device      | device                     | form | -   | doc      | -                 | device code
GET  | /ui/v1/device                           | device-page | device_page                | -    | -   | assumed  | -                 | where a person types the user code
POST | /ui/v1/device                           | device-page | device_answer              | -    | -   | assumed  | -                 | the person's answer
POST | /oauth2/v1/introspect                   | introspect  | introspect                 | form | -   | doc      | -                 | what a token is worth
POST | /oauth2/v1/revoke                       | revoke      | revoke                     | form | -   | doc      | refresh_rotation  | end a token
GET  | /.well-known/openid-configuration       | discovery   | openid_configuration       | -    | -   | doc      | issuer            | metadata
GET  | /.well-known/idcs-configuration         | discovery   | idcs_configuration         | -    | oci | doc      | profile           | Oracle's wrapper of the metadata; in oci
GET  | /.well-known/oauth-authorization-server | discovery   | oauth_authorization_server | -    | rfc | rfc      | profile           | metadata as RFC 8414 has it; in rfc
GET  | /.well-known/oauth-protected-resource   | discovery   | oauth_protected_resource   | -    | -   | rfc      | resource_metadata | what the API says of itself; with its switch
GET  | /admin/v1/SigningCert/jwk               | jwks        | jwk                        | -    | oci | doc      | jwks_auth         | signing keys; in oci
GET  | /.well-known/jwks.json                  | jwks        | jwks_json                  | -    | rfc | rfc      | profile           | signing keys; in rfc
"""


def _row(line: str) -> IdentityRoute:
    cells = ("" if cell == "-" else cell for cell in map(str.strip, line.split("|")))
    method, path, name, operation, form, profile, marks, switch, says = cells
    return IdentityRoute(method, path, name, operation, form == "form", profile, marks, switch, says)


IDENTITY_ROUTES = tuple(_row(line) for line in _TABLE.strip().splitlines())
IDENTITY_NAMES = frozenset(row.name for row in IDENTITY_ROUTES)
FORM_ROUTES = frozenset(row.name for row in IDENTITY_ROUTES if row.form)
"""The routes that take a client's form, and say no as RFC 6749 §5.2 has it."""
PATHS = {row.operation: row.path for row in IDENTITY_ROUTES}
"""The path of each operation."""
IDENTITY_PATHS = {
    path: {row.method: row for row in IDENTITY_ROUTES if row.path == path} for path in dict.fromkeys(PATHS.values())
}
"""The rows of each path, by method."""
