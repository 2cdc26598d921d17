"""The routes of the OAuth server, a row each (contract.md §2.2, §7.4).

All that knows a path of it is made of these rows: the router with its 405s, the discovery documents, the OpenAPI
document and its part of `lab fidelity`.
"""

from lab.core.routes import Route, read_routes

_HOW_TO = "oracle-samples/fusion-ai-studio, how-to-configure-oauth-for-aistudio-cli"
_TABLE = f"""
POST | /oauth2/v1/token                        | token       | token                      | form | -   | doc      | clients           | all grants but SAML2 | -
GET  | /oauth2/v1/authorize                    | authorize   | authorize                  | -    | -   | doc code | authorize         | authorization code with PKCE, no implicit grant; the page that shows a code is assumed | {_HOW_TO}
POST | /oauth2/v1/device                       | device      | device                     | form | -   | doc      | -                 | device code | -
GET  | /ui/v1/device                           | device-page | device_page                | -    | -   | assumed  | -                 | where a person types the user code | -
POST | /ui/v1/device                           | device-page | device_answer              | -    | -   | assumed  | -                 | the person's answer | -
POST | /oauth2/v1/introspect                   | introspect  | introspect                 | form | -   | doc      | -                 | what a token is worth | -
POST | /oauth2/v1/revoke                       | revoke      | revoke                     | form | -   | doc      | refresh_rotation  | end a token | -
GET  | /.well-known/openid-configuration       | discovery   | openid_configuration       | -    | -   | doc      | issuer            | metadata | -
GET  | /.well-known/idcs-configuration         | discovery   | idcs_configuration         | -    | oci | doc      | profile           | Oracle's wrapper of the metadata; in oci | -
GET  | /.well-known/oauth-authorization-server | discovery   | oauth_authorization_server | -    | rfc | rfc      | profile           | metadata as RFC 8414 has it; in rfc | -
GET  | /.well-known/oauth-protected-resource   | discovery   | oauth_protected_resource   | -    | -   | rfc      | resource_metadata | what the API says of itself; with its switch | -
GET  | /admin/v1/SigningCert/jwk               | jwks        | jwk                        | -    | oci | doc      | jwks_auth         | signing keys; in oci | -
GET  | /.well-known/jwks.json                  | jwks        | jwks_json                  | -    | rfc | rfc      | profile           | signing keys; in rfc | -
"""

IDENTITY_ROUTES: tuple[Route, ...] = read_routes(
    _TABLE, "method path name operation kind only marks switch says source"
)
"""Kind `form`: a client sends a form, and is refused as RFC 6749 §5.2 has it; a person's browser gets pages."""
IDENTITY_NAMES = frozenset(row.name for row in IDENTITY_ROUTES)
FORM_ROUTES = frozenset(row.name for row in IDENTITY_ROUTES if row.kind == "form")
"""The routes that take a client's form, and say no as RFC 6749 §5.2 has it."""
PATHS = {row.operation: row.path for row in IDENTITY_ROUTES}
"""The path of each operation."""
