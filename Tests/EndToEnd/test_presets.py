"""Each kind that is a preset and no more, against a double of what its provider documents."""
import os
import re
import subprocess
import urllib.parse

import pytest

from harness.double import lasting_site
from harness.extended import key_file
from harness.presets import (
    ADFS, CLIENT_KEYS, PROFILE, Apple, Bitbucket, Cognito, Discord, Keycloak, LinkedIn, LoginGov, Nextcloud, Service, Slack, Zitadel)
from harness.servers import POSTERN, ROOT
from harness.site import told_of
from harness.tokens import Key
from test_github import assert_refused, identity


def service(places, person=(), **members):
    """A provider without ways of its own; `places`: the endpoints and their paths."""
    return type("Plain", (Service,), {
        "places": dict(place.split("=") for place in places.split()), "person": {**Service.person, **dict(person)}, **members})


GROUPS = {**Service.scopes, "groups": ("groups",)}
TEAMS = {"person": {"groups": ["ops", "staff"]}, "groups": ["ops", "staff"]}
GITEA = service("authorize=/login/oauth/authorize token=/login/oauth/access_token jwks=/login/oauth/keys userinfo=/login/oauth/userinfo",
                {"groups": ["acme", "acme:ops"]}, scopes=GROUPS, groups=["acme", "acme:ops"])
KINDS = {
    # https://docs.gitlab.com/integration/openid_connect_provider/: the ID token has groups_direct, userinfo has groups
    "gitlab": service(
        "authorize=/oauth/authorize token=/oauth/token jwks=/oauth/discovery/keys userinfo=/oauth/userinfo revoke=/oauth/revoke",
        {"nickname": "alice", "groups_direct": ["acme/direct"], "groups": ["acme", "acme/ops"]}, groups=["acme", "acme/ops"],
        extra=("groups", "groups_direct"), in_id_token=("sub", "email", "email_verified", "groups_direct")),
    "keycloak": Keycloak,
    # https://support.okta.com/help/s/article/Okta-Groups-or-Attribute-Missing-from-Id-Token: beside an access token the ID token is thin
    "okta": service(
        "authorize=/oauth2/v1/authorize token=/oauth2/v1/token jwks=/oauth2/v1/keys userinfo=/oauth2/v1/userinfo"
        " logout=/oauth2/v1/logout revoke=/oauth2/v1/revoke par=/oauth2/v1/par",
        {"preferred_username": "alice@corp.example", "groups": ["Everyone", "ops"]}, user="alice@corp.example",
        groups=["Everyone", "ops"], scopes=GROUPS, in_id_token=("sub", "name", "preferred_username", "email")),
    # https://auth0.com/docs/secure/tokens/id-tokens/id-token-structure; claims of one's own are named like addresses:
    # https://auth0.com/docs/secure/tokens/json-web-tokens/create-custom-claims
    "auth0": service(
        "authorize=/authorize token=/oauth/token jwks=/.well-known/jwks.json userinfo=/userinfo revoke=/oauth/revoke logout=/oidc/logout",
        {"sub": "auth0|507f1f77bcf86cd799439020", "preferred_username": None, "nickname": "nick", "https://app.example.com/roles": ["ops"]},
        path="/", user="alice@example.com", groups=["ops"], extra=("https://app.example.com/roles",),
        settings={"claims": {"groups": "https://app.example.com/roles"}}),
    "cognito": Cognito, "apple": Apple, "linkedin": LinkedIn,
    # https://docs.gitea.com/development/oauth2-provider, https://forgejo.org/docs/latest/user/oauth2-provider/
    "gitea": GITEA, "forgejo": GITEA,
    "discord": Discord, "slack": Slack, "bitbucket": Bitbucket, "nextcloud": Nextcloud, "adfs": ADFS, "zitadel": Zitadel,
    # https://docs.goauthentik.io/add-secure-apps/providers/oauth2/: groups come with the scope profile
    "authentik": service(
        "authorize=/application/o/authorize/ token=/application/o/token/ jwks=/application/o/app/jwks/"
        " userinfo=/application/o/userinfo/ revoke=/application/o/revoke/ logout=/application/o/app/end-session/",
        path="/application/o/app/", scopes={**Service.scopes, "profile": (*PROFILE, "groups")}, more_scopes=("offline_access",), **TEAMS),
    # https://www.authelia.com/integration/openid-connect/openid-connect-1.0-claims/: the ID token is minimal
    "authelia": service(
        "authorize=/api/oidc/authorization token=/api/oidc/token jwks=/jwks.json userinfo=/api/oidc/userinfo"
        " revoke=/api/oidc/revocation par=/api/oidc/pushed-authorization-request",
        methods=("basic",), scopes=GROUPS, in_id_token=("sub",), **TEAMS),
    # https://dexidp.io/docs/configuration/custom-scopes-claims-clients/
    "dex": service("authorize=/dex/auth token=/dex/token jwks=/dex/keys userinfo=/dex/userinfo", path="/dex",
                   scopes={**GROUPS, "offline_access": ()}, **TEAMS),
    # https://lemonldap-ng.org/documentation/latest/idpopenidconnect.html: claims are in userinfo
    "lemonldap": service("authorize=/oauth2/authorize token=/oauth2/token jwks=/oauth2/jwks userinfo=/oauth2/userinfo"
                         " logout=/oauth2/logout", scopes=GROUPS, in_id_token=("sub",), **TEAMS),
    "login-gov": LoginGov,
}
RULES = [{"name": "domain", "paths": ["/domain/*"], "allow": {"domains": ["example.com"]}},
         {"name": "mail", "paths": ["/mail/*"], "allow": {"emails": ["alice@example.com"]}},
         {"name": "role", "paths": ["/role/*"], "allow": {"groups": ["role:ops", "role:rp1:editor", "role:root"]}},
         {"name": "team", "paths": ["/team/*"], "allow": {"claims": {"https://slack.com/team_id": ["T0RR"]}}},
         {"name": "everybody", "allow": {"everyone": "true"}}]


def settings(kind, double, **provider):
    op = {"kind": kind, "scopes": None, "ca_file": double.ca_file, **double.settings}
    if double.client_key:
        op["client_key_file"] = key_file(CLIENT_KEYS[double.client_key])
    if not double.is_openid:
        op |= {"api_url": double.origin("other") + {"discord": "/api", "bitbucket": "/2.0"}.get(kind, "")}
    return {"providers": {"op": {**op, **provider}}, "rules": RULES}


@pytest.fixture(scope="module", params=list(KINDS))
def shared_site(request, authority):
    double = KINDS[request.param](authority)
    yield from lasting_site(authority, "nginx", double, settings(request.param, double))


def only(*kinds):
    return pytest.mark.parametrize("shared_site", kinds, indirect=True)


def enter(site, target="/x"):
    browser = site.browser()
    return browser, browser.sign_in(target)


def groups_of(response):
    return sorted(urllib.parse.unquote(group) for group in ",".join(told_of(response, "X-Auth-Request-Groups")).split(","))


def test_a_person_signs_in(site):
    """With what the provider documents and nothing else, and the application is told who it is."""
    double = site.provider
    browser, response = enter(site, "/x?y=z")
    assert double.complaints == [] and double.count("unknown") == 0
    assert told_of(response, "X-Auth-Request-User") == [double.user]
    assert told_of(response, "X-Auth-Request-Email") == ["alice@example.com"]
    assert groups_of(response) == sorted(double.groups or [""]) and response.url.endswith("/x?y=z")
    assert identity(browser)["subject"] == double.person[double.subject]
    assert [browser.get(path).is_protected for path in ("/domain/x", "/mail/x")] == [double.can_verify] * 2


def test_an_address_that_is_not_verified_does_not_count(site):
    double = site.provider
    for value in (False, None, "false", "", 0, "yes", "True", *(value for value in ("true", "1", 1) if value not in double.truths[1:])):
        double.set_verified(value)
        browser, response = enter(site)
        assert response.is_protected, value
        assert [browser.get(path).status for path in ("/domain/x", "/mail/x")] == [403, 403], value


# Ways of their own

@only("gitlab")
def test_an_older_one_names_people_otherwise(site):
    """preferred_username is there since GitLab 15."""
    del site.provider.person["preferred_username"]
    assert told_of(enter(site)[1], "X-Auth-Request-User") == ["alice"]


@only("keycloak")
@pytest.mark.parametrize("fault", [
    {"key": Key(kid="main")}, {"iss": "http://127.0.0.1/realms/other"}, {"sub": "another-person"}, {"exp": 1000000000}], ids=str)
def test_roles_in_an_access_token_that_is_not_good_are_not_taken(site, fault):
    site.provider.access_key = fault.get("key", site.provider.access_key)
    site.provider.access_changes = {"realm_access": {"roles": ["root"]}, **{name: fault[name] for name in fault if name != "key"}}
    browser, response = enter(site, "/role/x")
    assert not response.is_protected and not browser.get("/role/x").is_protected


@only("keycloak")
def test_an_access_token_without_roles_gives_none(site):
    site.provider.access_changes = {"realm_access": None, "resource_access": {"rp1": {"roles": "editor"}, "account": [], "x": {}}}
    assert groups_of(enter(site)[1]) == ["/staff"]


@only("okta")
def test_userinfo_says_what_a_thin_id_token_leaves_out(site):
    """Where groups are always in the ID token, whether the address is verified still is in userinfo alone."""
    site.provider.in_id_token = (*site.provider.in_id_token, "groups")
    browser, response = enter(site, "/domain/x")
    assert response.is_protected and groups_of(response) == ["Everyone", "ops"]


@only("cognito")
def test_the_id_token_has_a_truth_value_and_userinfo_a_text(site):
    site.provider.in_id_token, site.provider.person["email_verified"] = None, True
    assert enter(site, "/domain/x")[1].is_protected


@only("cognito", "login-gov")
def test_signing_out_leads_to_its_own_place(site):
    browser, _ = enter(site)
    response = browser.follow(browser.get("/oauth2/sign_out"))
    assert "You are signed out" in response.text and site.provider.complaints == []
    assert site.provider.count("end", "logout") == 1 and not browser.get("/x").is_protected


@only("apple")
def test_what_the_browser_says_of_the_person_is_not_believed(site):
    """The `user` that is posted beside the code names another address."""
    response = enter(site)[1]
    assert told_of(response, "X-Auth-Request-Email") == ["alice@example.com"]
    assert site.provider.asked[0]["response_mode"] == "form_post"


@only("linkedin")
def test_there_is_no_pkce(site):
    enter(site)
    assert "code_challenge" not in site.provider.asked[0] and "code_verifier" not in site.provider.calls_of("token")[0]["form"]


@only("slack")
def test_a_rule_tells_workspaces_apart(site):
    assert enter(site, "/team/x")[1].is_protected
    site.provider.person["https://slack.com/team_id"] = "T0XX"
    assert enter(site, "/team/x")[1].status == 403


@only("slack")
def test_an_error_with_status_200_signs_nobody_in(site):
    site.provider.replace["token"] = lambda call, usual: site.provider.complain("", "invalid_code")
    browser, response = enter(site)
    assert_refused(site, browser, response)


@only("bitbucket")
def test_a_nickname_that_anybody_may_take_names_nobody(site):
    del site.provider.person["username"]
    assert told_of(enter(site)[1], "X-Auth-Request-User") == ["557058:c0b72ad0"]


@only("bitbucket")
def test_no_other_address_stands_in_for_a_primary_one_that_is_not_confirmed(site):
    site.provider.set_verified(False)
    assert told_of(enter(site)[1], "X-Auth-Request-Email") == []


@only("nextcloud")
def test_names_with_a_space_are_names(site):
    """lib/private/User/Manager.php, validateUserId: letters, digits, spaces and _.@-'"""
    site.provider.person["id"] = "Alice O'Hara"
    assert told_of(enter(site)[1], "X-Auth-Request-User") == ["Alice O'Hara"]


@only("adfs")
@pytest.mark.parametrize("group", ["CORP\\ops", ["CORP\\ops"]], ids=["a text", "a list"])
def test_one_group_is_one_group(site, group):
    site.provider.person["group"] = group
    assert groups_of(enter(site)[1]) == ["CORP\\ops"]


@only("adfs")
def test_a_person_without_a_upn_has_a_unique_name(site):
    del site.provider.person["upn"]
    assert told_of(enter(site)[1], "X-Auth-Request-User") == ["CORP\\alice"]


@only("zitadel")
@pytest.mark.parametrize("roles", [None, {}, ["ops"], "ops"], ids=str)
def test_roles_that_are_no_object_are_none(site, roles):
    """Only the names of an object's members are roles; a list or a text is what any other claim of groups would be."""
    site.provider.person["urn:zitadel:iam:org:project:roles"] = roles
    assert groups_of(enter(site)[1]) == (["ops"] if roles in (["ops"], "ops") else [""])


# Without anything configured

@pytest.mark.parametrize("kind, address, scope", [
    ("discord", "https://discord.com/oauth2/authorize", "identify email"),
    ("bitbucket", "https://bitbucket.org/site/oauth2/authorize", "account email")], ids=["discord", "bitbucket"])
def test_people_are_sent_to_its_own_address(authority, kind, address, scope):
    double = KINDS[kind](authority)
    unset = dict.fromkeys(("issuer", "insecure_http", "ca_file", "api_url"))
    for site in lasting_site(authority, "nginx", double, settings(kind, double, **unset)):
        parts = urllib.parse.urlsplit(site.browser().get("/x").location)
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == address
        query = dict(urllib.parse.parse_qsl(parts.query))
        assert set(query) == {"response_type", "client_id", "redirect_uri", "state", "scope", "code_challenge", "code_challenge_method"}
        assert query["scope"] == scope


# The documentation

def kinds_of_the_binary(folder):
    path = folder / "postern.yaml"
    path.write_text("providers: { op: { kind: nonsense } }\n")
    done = subprocess.run([POSTERN, "check", "--config", str(path)], capture_output=True, text=True, timeout=20)
    return re.search(r"providers\.op\.kind is one of ([^\n]*)", done.stdout + done.stderr).group(1).split(", ")


def test_each_kind_is_documented_and_names_a_test_that_there_is(tmp_path):
    with open(os.path.join(ROOT, "docs", "providers.md")) as file:
        rows = re.findall(r"^\| `([a-z0-9-]+)` \|.*$", file.read(), re.MULTILINE)
        file.seek(0)
        tests = dict(re.findall(r"^\| `([a-z0-9-]+)` \|.*\| `(test_\w+\.py(?:::\w+)?)` \|$", file.read(), re.MULTILINE))
    assert rows == kinds_of_the_binary(tmp_path)
    assert sorted(tests) == sorted(rows), "a row names no test"
    for kind, test in tests.items():
        name, _, function = test.partition("::")
        with open(os.path.join(os.path.dirname(__file__), name)) as file:
            text = file.read()
        assert f"def {function or 'test_'}" in text, kind
        assert name != os.path.basename(__file__) or kind in KINDS, f"{kind} is not tested here"
