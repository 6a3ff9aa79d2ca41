"""Who is let in: addresses, verification, groups."""
import pytest

from harness.site import told_of
from test_jose import with_claims


def ends(site, target="/"):
    response = site.browser().sign_in(target)
    return response.is_protected


@pytest.mark.parametrize("email", ["a@evilexample.com", "a@example.com.evil", "a@sub.example.com", "a@evil.test@example.com",
                                   "\"a@evil\"@example.com", "a@example.com ", "@example.com", "example.com", " a@example.com", "a b@example.com",
                                   "a@example.com\u0301", "a@ex\u0430mple.com", "a@example.com.", "a@example.com@", "", None, 1, ["a@example.com"],
                                   "a@example\u3002com", "a@\uff45xample.com", "a@example.com\t", "a@example.com,b@evil.test", "a@evil.test,b@example.com",
                                   "<a@example.com>", "a@example.com>", "a\\@evil.test@example.com", "a@[example.com]", "a@example.com\u200b", "a@@example.com",
                                   "a@evil.test%00@example.com", "a@example.com#@evil.test", "A <a@example.com>", "a@.example.com", "a@xn--example.com",
                                   "a(@evil.test)@example.com", "a@example.com/", {"a": "a@example.com"}, True, "a" * 2000 + "@example.com"],
                         ids=lambda value: ascii(value)[:40])
def test_POL_01_addresses_that_are_not_of_the_domain(site, email):
    site.provider.person["email"] = email
    assert not ends(site)


@pytest.mark.parametrize("email", ["a@example.com", "A@EXAMPLE.COM", "a.b+c@example.com"])
def test_POL_01_addresses_that_are(site, email):
    site.provider.person["email"] = email
    assert ends(site)


@pytest.mark.parametrize("verified", [False, "REMOVED", "false", "true", 1, None, [True], {"a": 1}])
def test_POL_02_only_a_verified_address_counts(site, verified):
    site.provider.person["email_verified"] = verified
    if verified == "REMOVED":
        del site.provider.person["email_verified"]
    assert not ends(site)


@pytest.mark.parametrize("name", ["email_verified", "email", "groups"])
def test_POL_02_POL_04_a_claim_that_is_null_says_nothing(site, name):
    """The provider of the tests leaves out what is None: here it is in the ID token, as JSON's null."""
    site.provider.person.pop(name, None)
    site.provider.make_id_token = with_claims(site, **{name: None})
    response = site.browser().sign_in("/admin/x" if name == "groups" else "/")
    assert not response.is_protected and response.status in (403, 400), response.status


def test_POL_02_unless_the_rule_says_otherwise(make_site):
    site = make_site({"rules": [{"allow": {"domains": ["example.com"], "insecure_unverified_email": "true"}}]})
    site.provider.person["email_verified"] = False
    assert ends(site)
    assert "insecure_unverified_email is on" in site.postern.log


@pytest.mark.parametrize("groups", ["K8S-ADMIN-x", ["K8S-ADMIN-x"], [["K8S-ADMIN"]], 1, None, "REMOVED", [], [None], [1], {"K8S-ADMIN": True},
                                    ["k8s-admin"], ["K8S-ADMIN "], ["\u212a8S-ADMIN"], ["K8\u017f-ADMIN"], ["K8S-ADMIN\u200b"],
                                    ["K8S-ADMIN\u0301"], ["K8S-ADMIN\u0000"], ["*"], [".*"], ["K8S\u2010ADMIN"], [True], "[\"K8S-ADMIN\"]", "x K8S-ADMIN",
                                    "K8S-ADMIN,x", ["K8S-ADMIN,x"], [f"g{number}" for number in range(10_000)]],
                         ids=lambda value: repr(value)[:30])
def test_POL_04_groups_that_are_not_the_one(site, groups):
    site.provider.person["groups"] = groups
    if groups == "REMOVED":
        del site.provider.person["groups"]
    response = site.browser().sign_in("/admin/")
    assert not response.is_protected


@pytest.mark.parametrize("groups", [["K8S-ADMIN"], "K8S-ADMIN", ["x", "K8S-ADMIN", 7], [["x"], "K8S-ADMIN", None, ""],
                                    [f"g{number}" for number in range(1000)] + ["K8S-ADMIN"]], ids=lambda value: repr(value)[:30])
def test_POL_04_groups_that_are(site, groups):
    site.provider.person["groups"] = groups
    response = site.browser().sign_in("/admin/")
    assert "K8S-ADMIN" in told_of(response, "X-Auth-Request-Groups")[0].split(",")


def test_POL_04_an_empty_entry_is_a_mistake(make_site):
    site = make_site()
    for allow in ({"groups": ["", "x"]}, {"groups": [""]}, {"groups": ""}, {"domains": [""]}, {"emails": ["", "a@example.com"]}, {"users": [""]},
                  {"all": [{"groups": [""]}]}, {"not": {"groups": [""]}}):
        site.postern.write({**site.settings, "rules": [{"allow": allow}]})
        done = site.postern.run("check", check=False)
        assert done.returncode == 78 and "empty" in done.stderr, (allow, done.stderr)
    for allow in ({"groups": []}, {"domains": []}, {}):
        site.postern.write({**site.settings, "rules": [{"allow": allow}]})
        assert site.postern.run("check", check=False).returncode == 78, allow


def test_conditions_combine(make_site):
    site = make_site({"rules": [
        {"paths": ["/both/*"], "allow": {"all": [{"groups": ["a"]}, {"groups": ["b"]}]}},
        {"paths": ["/not/*"], "allow": {"all": [{"everyone": "true"}, {"not": {"groups": ["a"]}}]}},
        {"paths": ["/claim/*"], "allow": {"claims": {"department": ["it"], "level": [7]}}},
        {"paths": ["/user/*"], "allow": {"users": ["alice"]}},
        {"allow": {"everyone": "true"}}]})
    site.provider.person.update(groups=["a"], department="it", level=8)
    browser = site.signed_in()
    assert [browser.get(path).is_protected for path in ("/both/x", "/not/x", "/claim/x", "/user/x", "/x")] == [
        False, False, True, True, True]
