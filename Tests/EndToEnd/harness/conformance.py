"""The provider that the OpenID Foundation's suite plays for a relying party, and what it checks of each request."""
import hashlib
import hmac
import json
import os
import re
import secrets
import urllib.parse

from .extended import key_file, published_keys
from .extensions import json_answer, with_query
from .provider import PASS, Key, Provider
from .site import merged
from .tokens import b64, jwt, signed_by, unb64, verify

CALLBACK = "https://app.test/oauth2/callback"
SIGNED_OUT = "https://app.test/oauth2/sign_out"
FAPI_KEY = Key("PS256", "fapi")
OFFERS = {"private_key_jwt": "assertions", "client_secret_jwt": "assertions", "tls": "tls", "dpop": "dpop"}


class Suite(Provider):
    """`complaints` of the usual provider are those of clients that do not authenticate as registered, of assertions for another
    audience (under FAPI 2.0: not the issuer's text), and of access tokens that are not sent as they are bound."""

    def answer(self, call):
        call["tls"] = call["handler"].connection.cipher()
        return super().answer(call)


def suite(make_site, authority, prepare=None, auth="basic", constrain=None, op=None, offers=(), fapi=False):
    """A site and the suite. `auth` is how the client authenticates, `constrain` (dpop or tls) how its access tokens are bound."""
    has_certificate = "tls" in (auth, constrain)
    offers = {*offers, *(OFFERS[name] for name in (auth, constrain) if name in OFFERS)}
    provider = Suite(authority.issue("127.0.0.1"), offers=sorted(offers), client_authority=authority.path if has_certificate else None)
    provider.method, provider.assertion_audience = auth, "issuer" if fapi else "endpoint"
    if fapi:
        provider.keys = [FAPI_KEY]
        provider.discovery_changes["id_token_signing_alg_values_supported"] = ["PS256"]
    if prepare:
        prepare(provider)
    settings = {"insecure_http": None, "ca_file": authority.path, "dpop": constrain == "dpop",
                "client_authentication": None if auth == "basic" else auth}
    if auth in ("none", "private_key_jwt", "tls"):
        settings["client_secret_file"] = None
    if has_certificate:
        settings["client_certificate_file"], settings["client_key_file"] = authority.issue("rp1")
        os.chmod(settings["client_key_file"], 0o600)
    elif auth == "private_key_jwt":
        settings["client_key_file"] = key_file(Key("ES256"))
    site = make_site(merged({"providers": {"op": settings}}, {"providers": {"op": op or {}}}), provider=provider)
    site.owns_provider = True
    if "client_key_file" in settings:
        keys = published_keys(site)
        provider.client_keys = lambda: keys
    return site


def assert_requests(site):
    """The suite's own checks, of every request that came."""
    provider = site.provider
    assert provider.complaints == []
    with provider.lock:
        calls = list(provider.calls)
    asked = set()  # state, nonce and challenge of each; a pushed request may come again, with a proof that has the nonce
    for call in calls:
        if call["endpoint"] == "authorize" and (provider.requires_pushed or "request_uri" in call["query"]):
            assert set(call["query"]) == {"client_id", "request_uri"}, call["query"]
        elif call["endpoint"] in ("authorize", "par"):
            asked.add(check_authorization(call["form"] if call["endpoint"] == "par" else call["query"]))
    for values in zip(*asked, strict=True):
        assert len(set(values)) == len(asked), "of state, nonce and challenge one came twice"
    for call in calls:
        names = [name for name, _ in call["pairs"]]
        assert len(set(names)) == len(names), f"{call['endpoint']}: a parameter came twice: {names}"
        secret = {"access_token", "refresh_token", "client_secret", "client_assertion", "code_verifier", "code"} & set(call["query"])
        assert not secret, f"{call['endpoint']}: {secret} in the address"
        assert call["url"].startswith("https://"), call["url"]
        assert call["tls"][1] == "TLSv1.3" or call["tls"][0].startswith("ECDHE") and "GCM" in call["tls"][0], call["tls"]  # BCP 195
        if call["endpoint"] == "token":
            check_token(call, {challenge for _, _, challenge in asked})
        elif call["endpoint"] == "userinfo":
            scheme, _, token = call["headers"].get("Authorization", "").partition(" ")
            assert scheme in ("Bearer", "DPoP") and token in provider.grants and "access_token" not in names, call["headers"]
        elif call["endpoint"] == "end_session":
            verify(call["query"]["id_token_hint"], [key.jwk() for key in provider.keys])
            assert call["query"]["post_logout_redirect_uri"] == SIGNED_OUT and call["query"].get("client_id", "rp1") == "rp1"


def check_authorization(parameters):
    assert parameters["client_id"] == "rp1" and parameters["redirect_uri"] == CALLBACK and parameters["response_type"] == "code"
    assert "openid" in parameters["scope"].split() and not {"request", "request_uri"} & set(parameters), parameters
    assert len(parameters["state"]) >= 22 and len(parameters["nonce"]) >= 22 and len(parameters["code_challenge"]) == 43, parameters
    assert parameters["code_challenge_method"] == "S256", parameters
    return parameters["state"], parameters["nonce"], parameters["code_challenge"]


def check_token(call, challenges):
    form = call["form"]
    assert call["method"] == "POST" and form["grant_type"] in ("authorization_code", "refresh_token"), form
    if form["grant_type"] == "authorization_code":
        assert form["redirect_uri"] == CALLBACK and re.fullmatch(r"[A-Za-z0-9._~-]{43,128}", form["code_verifier"]), form
        assert b64(hashlib.sha256(form["code_verifier"].encode()).digest()) in challenges


# What the modules do: each makes a function of the provider, to be called before the sign-in


def claims(**changes):
    """These claims instead; None is for none, a function makes one of the provider."""
    def prepare(op):
        made = {name: value(op) if callable(value) else value for name, value in changes.items()}
        op.make_id_token = lambda said: signed_by(op.keys[0], {**said, **made})
    return prepare


def signed(make):
    """The same claims, signed otherwise: `make` is of the key and the claims."""
    return lambda op: setattr(op, "make_id_token", lambda said: make(op.keys[0], said))


def spoiled(key, said):
    signed_part, _, signature = signed_by(key, said).rpartition(".")
    return f"{signed_part}.{b64(bytes(byte ^ 0x5A for byte in unb64(signature)))}"


def unsigned(_, said):
    return jwt({"alg": "none"}, said, lambda _: b"")


def by_shared_secret(_, said):
    return jwt({"alg": "HS256"}, said, lambda data: hmac.new(b"another secret", data, hashlib.sha256).digest())


def keys(*made, then=lambda op: None, with_ids=True):
    def prepare(op):
        op.keys = [make() for make in made]
        then(op)
        if not with_ids:
            op.replace["jwks"] = lambda *_: json_answer({"keys": [without(key.jwk(), "kid") for key in op.keys]})
            op.make_id_token = lambda said: signed_by(op.keys[0], said, kid=None)
    return prepare


def without(members, name):
    return {key: value for key, value in members.items() if key != name}


def unusable_keys(op):
    odd = [{"kty": "AKP", "alg": "ML-DSA-9999", "kid": "odd-1", "use": "sig", "pub": "Z0FO"}, {"kty": "X", "alg": "X", "kid": "odd-2"}]
    op.replace["jwks"] = lambda *_: json_answer({"keys": [*odd, op.keys[0].jwk()]})


def replaced(endpoint, change):
    """JSON of this endpoint, changed: `change` is of the members."""
    def changed(_, usual):
        return json_answer(change(json.loads(usual[2]))) if usual[0] == 200 else usual
    return lambda op: op.replace.update({endpoint: changed})


def discovery(**changes):
    return lambda op: op.discovery_changes.update({name: value(op) if callable(value) else value for name, value in changes.items()})


def signed_by_the_same_key_as_rs256(op):
    """The key is published for RS256, too, which is none of the algorithms that discovery names."""
    alternate = Key("RS256", "alternate")
    alternate.private = op.keys[0].private
    op.keys = [op.keys[0], alternate]
    op.make_id_token = lambda said: signed_by(alternate, said)


def challenged_in_other_case(op):
    op.nonces["userinfo"] = "nonce-1"

    def change(_, usual):
        headers = {name: value.replace("DPoP ", "dpOp ") for name, value in usual[1].items()}
        assert usual[0] == 200 or "dpOp " in headers["WWW-Authenticate"]
        return usual[0], headers, usual[2]
    op.replace["userinfo"] = change


# How they are judged


BEFORE = {"par": "discovery", "authorize": "discovery", "token": "authorize", "userinfo": "token", None: "userinfo"}


def accepts(prepare=None, times=1, **options):
    """The person gets to the protected page, and userinfo was asked with the access token."""
    def judge(start):
        site = start(prepare, **options)
        assert site.signed_in() and site.provider.count("userinfo") == times
        return site
    return judge


def rejects(prepare, then="userinfo", **options):
    """The person does not get there, has no session, and the endpoint that would be next is not called."""
    def judge(start):
        site = start(prepare, **options)
        browser = site.browser()
        response = browser.sign_in("/")
        assert response.status >= 400 and not response.is_protected and "__Host-postern" not in browser.cookies.jar, response.text[:300]
        assert site.provider.count(BEFORE[then]) >= 1 and (then is None or site.provider.count(then) == 0)
        assert not browser.get("/").is_protected
        return site
    return judge


def answered(**changes):
    """The authorization response with these parameters instead."""
    def change(_, usual):
        address, _, query = usual[1]["Location"].partition("?")
        fields = {**dict(urllib.parse.parse_qsl(query)), **changes}
        return 302, {"Location": with_query(address, {name: value for name, value in fields.items() if value is not None})}, b""
    return lambda op: op.replace.update(authorize=change)


def used_as_published(*names):
    """Addresses are new at every run, and no others work."""
    run = secrets.token_hex(8)

    def prepare(op):
        for name, endpoint in names:
            op.discovery_changes[name] = f"{op.issuer}/{endpoint}?run={run}"
            op.instead[endpoint] = lambda call: PASS if call["query"].get("run") == run else (404, {}, b"")
    return prepare
