"""Logout tokens through the other web servers: the same tests as with nginx."""
from test_logout import (  # noqa: F401
    logout_site, out, test_a_logout_token_works_once, test_OUT_03_by_session, test_OUT_03_by_session_and_subject_ends_that_session_only,
    test_OUT_03_by_subject, test_OUT_03_of_nobody_who_is_signed_in_here, test_OUT_04_claims)

FRONTS = ["apache-fcgid", "apache-authnz", "lighttpd"]
