"""Sites whose provider does more than the usual one, or that have a second provider."""
import json
import os
import tempfile

from cryptography.hazmat.primitives import serialization

from .provider import Provider
from .site import merged

FORM = ("Content-Type", "application/x-www-form-urlencoded")


def extended_site(make_site, op=None, offers=(), prepare=None, shipped_extra="", **changes):
    """`op` are more settings of the provider, `prepare` of it is called before Postern starts, `changes` are settings."""
    provider = Provider(offers=offers)
    if prepare:
        prepare(provider)
    site = make_site(merged({"providers": {"op": op or {}}}, changes), provider=provider, shipped_extra=shipped_extra)
    site.owns_provider = True
    return site


def settings_of(provider, **changes):
    """The settings of one more provider."""
    return {"kind": "oidc", "issuer": provider.issuer, "insecure_http": True, "client_id": "rp1",
            "scopes": ["openid", "profile", "email", "groups"], **changes}


# Gone with the process; other accounts may read what they are given in it.
_keys = tempfile.TemporaryDirectory(prefix="postern-test-keys-")
os.chmod(_keys.name, 0o711)


def key_file(key):
    """The private half in a file of its own, as operators have it."""
    return write_key(key.private)


def write_key(private, encryption=serialization.NoEncryption(), kind=serialization.PrivateFormat.PKCS8, mode=0o600):
    descriptor, path = tempfile.mkstemp(suffix=".pem", dir=_keys.name)
    with open(descriptor, "wb") as file:
        file.write(private.private_bytes(serialization.Encoding.PEM, kind, encryption))
    os.chmod(path, mode)
    return path


def published_keys(site):
    """What the site says of its own keys."""
    response = site.browser().fetch("/oauth2/jwks.json")
    assert response.status == 200, response.text
    return json.loads(response.body)["keys"]


def asked_at(site, endpoint, provider=None):
    """The forms that were sent there."""
    provider = provider or site.provider
    with provider.lock:
        return [call["form"] for call in provider.calls if call["endpoint"] == endpoint]


def mistakes(site, op):
    """What `postern check` says of the site with these settings of its provider."""
    path = site.postern.config
    with open(path) as file:
        kept = file.read()
    site.postern.write(merged(site.settings, {"providers": {"op": op}}))
    done = site.postern.run("check", check=False)
    with open(path, "w") as file:
        file.write(kept)
    return done
