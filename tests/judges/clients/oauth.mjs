// Node's OAuth clients as judges: openid-client (strict: content types, issuer, iss in redirects) and simple-oauth2.
// Started by `python -m tests.judges.node`, which serves the mock and says in the environment where it is.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as openid from "openid-client";
import { AuthorizationCode, ClientCredentials, ResourceOwnerPassword } from "simple-oauth2";

const { ORIGIN, PROFILE, CLIENT, SECRET, CLI, USER, PASSWORD, SCOPE, REDIRECT } = process.env;
const server = new URL(ORIGIN);
const STAY = `${SCOPE} offline_access`;
const plain = { execute: [openid.allowInsecureRequests] };
const CODES = ["client_secret_basic", "client_secret_post"];
const auth = { client_secret_basic: openid.ClientSecretBasic, client_secret_post: openid.ClientSecretPost };

const discovered = (id = CLIENT, way = openid.ClientSecretBasic(SECRET)) =>
  openid.discovery(server, id, {}, way, plain);

async function opened(token) {
  const url = `${ORIGIN}/api/fusion-ai/orchestrator/agent/v2/QUICK_TEAM/status/nope`;
  return (await fetch(url, { headers: { authorization: `Bearer ${token}` } })).status;
}

async function landed(config, more = {}) {
  const verifier = openid.randomPKCECodeVerifier();
  const asked = {
    redirect_uri: REDIRECT, scope: `${STAY} openid`, state: "s /+&%", nonce: "n-1",
    code_challenge: await openid.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256", ...more,
  };
  const got = await fetch(openid.buildAuthorizationUrl(config, asked), { redirect: "manual" });
  assert.equal(got.status, 302);
  return [new URL(got.headers.get("location")), verifier];
}

if (PROFILE === "oci") {
  test("the generic issuer is refused by a strict client: the real trap", async () => {
    await assert.rejects(discovered(), /issuer/);
  });
} else {
  for (const method of CODES) {
    test(`openid-client: credentials by ${method}`, async () => {
      const config = await discovered(CLIENT, auth[method](SECRET));
      const token = await openid.clientCredentialsGrant(config, { scope: SCOPE });
      assert.equal(token.expires_in, 3600);
      assert.equal(await opened(token.access_token), 404);
    });
  }
  test("openid-client: a bad secret is a challenge, and in the body an error", async () => {
    const basic = await discovered(CLIENT, openid.ClientSecretBasic("wrong"));
    await assert.rejects(openid.clientCredentialsGrant(basic, { scope: SCOPE }), (refused) => refused.status === 401);
    const post = await discovered(CLIENT, openid.ClientSecretPost("wrong"));
    await assert.rejects(openid.clientCredentialsGrant(post, { scope: SCOPE }), { error: "invalid_client" });
  });
  test("openid-client: password", async () => {
    const token = await openid.genericGrantRequest(await discovered(), "password", {
      username: USER, password: PASSWORD, scope: SCOPE,
    });
    assert.ok(token.refresh_token);
  });
  for (const [id, way] of [[CLI, openid.None()], [CLIENT, openid.ClientSecretBasic(SECRET)]]) {
    test(`openid-client: code with PKCE, id token and refresh for ${id}`, async () => {
      const config = await discovered(id, way);
      openid.enableNonRepudiationChecks(config); // checks the id token's signature by the published keys
      const [url, verifier] = await landed(config);
      const checks = { pkceCodeVerifier: verifier, expectedState: "s /+&%", expectedNonce: "n-1", idTokenExpected: true };
      const token = await openid.authorizationCodeGrant(config, url, checks);
      assert.equal(token.claims().sub, USER);
      assert.equal(await opened(token.access_token), 404);
      const again = await openid.refreshTokenGrant(config, token.refresh_token);
      assert.notEqual(again.refresh_token, token.refresh_token);
      await assert.rejects(openid.refreshTokenGrant(config, token.refresh_token), { error: "invalid_grant" });
    });
  }
  test("openid-client: a refusal in the redirect carries state and iss", async () => {
    const config = await discovered(CLI, openid.None());
    const [url] = await landed(config, { scope: "urn:x" });
    await assert.rejects(
      openid.authorizationCodeGrant(config, url, { expectedState: "s /+&%" }), { error: "invalid_scope" });
  });
  test("openid-client: device", async () => {
    const config = await discovered();
    const codes = await openid.initiateDeviceAuthorization(config, { scope: SCOPE });
    assert.equal(codes.interval, 5);
    const poll = () => openid.genericGrantRequest(
      config, "urn:ietf:params:oauth:grant-type:device_code", { device_code: codes.device_code });
    await assert.rejects(poll(), { error: "authorization_pending" });
    await assert.rejects(poll(), { error: "slow_down" });
  });
  test("openid-client: introspection and revocation", async () => {
    const config = await discovered();
    const token = await openid.clientCredentialsGrant(config, { scope: SCOPE });
    assert.equal((await openid.tokenIntrospection(config, token.access_token)).active, true);
    await openid.tokenRevocation(config, token.access_token);
    assert.equal((await openid.tokenIntrospection(config, token.access_token)).active, false);
  });
}

for (const authorizationMethod of ["header", "body"]) {
  for (const credentialsEncodingMode of ["strict", "loose"]) {
    const name = `simple-oauth2 (${authorizationMethod}, ${credentialsEncodingMode})`;
    const config = (secret = SECRET, more = {}) => ({
      client: { id: CLIENT, secret },
      auth: { tokenHost: ORIGIN, tokenPath: "/oauth2/v1/token", revokePath: "/oauth2/v1/revoke", ...more },
      options: { authorizationMethod, credentialsEncodingMode },
      http: { json: true }, // its default wants a JSON type of every answer, the empty one to a revocation too
    });
    test(`${name}: credentials`, async () => {
      const { token } = await new ClientCredentials(config()).getToken({ scope: SCOPE });
      assert.equal(await opened(token.access_token), 404);
    });
    test(`${name}: a bad secret`, async () => {
      const refused = new ClientCredentials(config("wrong")).getToken({ scope: SCOPE });
      const expected = authorizationMethod === "body" && PROFILE === "rfc" ? 400 : 401;
      await assert.rejects(refused, (error) => error.output.statusCode === expected);
    });
    test(`${name}: password, refresh, revocation`, async () => {
      const client = new ResourceOwnerPassword(config());
      const first = await client.getToken({ username: USER, password: PASSWORD, scope: STAY });
      const second = await first.refresh();
      assert.notEqual(second.token.refresh_token, first.token.refresh_token);
      await second.revokeAll();
      assert.equal(await opened(second.token.access_token), 401);
    });
    test(`${name}: code`, async () => {
      const client = new AuthorizationCode(config(SECRET, { authorizePath: "/oauth2/v1/authorize" }));
      const url = client.authorizeURL({ redirect_uri: REDIRECT, scope: STAY, state: "s" });
      const got = await fetch(url, { redirect: "manual" });
      const code = new URL(got.headers.get("location")).searchParams.get("code");
      const { token } = await client.getToken({ code, redirect_uri: REDIRECT });
      assert.equal(await opened(token.access_token), 404);
    });
  }
}
