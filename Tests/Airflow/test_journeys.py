"""Whole journeys in a real browser: from the link that somebody clicks to Airflow's page, and out again. The recipe with a signed
token first, then FAB's with Airflow 3 and 2. Pictures are left in .build/journeys."""
import contextlib
import re
import shutil
import time

import pytest

import fab
import jwt_place
from company import Company, site_of_recipe
from harness.servers import wait_until
from window import APP

DAG = {3: "/dags/hello", 2: "/dags/hello/grid"}
IDLE, LIFETIME = 10, 60  # seconds, of the sessions that end soon


class Desk:
    """A recipe that runs, and a browser in front of it."""

    def __init__(self, kind, place, site, provider, make_window):
        self.kind, self.place, self.site, self.provider = kind, place, site, provider
        self.version, self.airflow = place.airflow.version, place.airflow
        self.dag = DAG[self.version]
        self.window = make_window(site, provider)

    def end_sessions(self, name):
        self.site.postern.run("sessions", "end", "--user", name)
        time.sleep(1.1)  # it holds within a second


class SoonOver(Desk):
    """The same with sessions that end soon. ada is there from the beginning, in a tab that nobody touches."""

    def __init__(self, place, make_lasting_site, make_window):
        def recipe(site):
            shutil.copy(f"{place.site.folder}/keys", f"{site.folder}/keys")  # so that the same Airflow believes it
            site.postern.environment |= {"POSTERN_SESSION_LIFETIME": f"{LIFETIME}s", "POSTERN_SESSION_IDLE_TIMEOUT": f"{IDLE}s"}
            return place.recipe(site)

        site = site_of_recipe(make_lasting_site, place.provider, recipe)
        super().__init__("jwt", place, site, place.provider, make_window)
        self.window.sign_in("ada", self.dag)
        self.window.until(lambda: name_in_menu(self), "ada's name")
        self.window.script("""
            window.untouched = true;
            new PerformanceObserver(list => list.getEntries().filter(entry => entry.responseStatus == 401).forEach(
                entry => sessionStorage.setItem('refused', entry.name))).observe({type: 'resource'})""")


@pytest.fixture(scope="module")
def company():
    company = Company()
    yield company
    company.close()


@pytest.fixture(scope="module", params=["jwt", "fab3", "fab2"])
def desk(request, authority, make_airflow, make_lasting_site, make_window):
    kind = request.param
    with contextlib.ExitStack() as stack:
        if kind == "jwt":
            place = jwt_place.Place(authority, make_airflow, make_lasting_site)
            stack.callback(place.close)
            place.airflow.start_tasks()
            browser, _ = place.enter("ada")
            wait_until(lambda: browser.fetch("/api/v2/dags/hello").status == 200, 90, "the DAG")
            place.airflow.stop("dag-processor")  # it has done its work
            desk = Desk(kind, place, place.site, place.provider, make_window)
            desk.soon_over = SoonOver(place, make_lasting_site, make_window)
            stack.callback(desk.soon_over.window.close)
        else:
            place, company = fab.Place(int(kind[-1]), make_airflow, make_lasting_site), request.getfixturevalue("company")
            stack.callback(place.airflow.stop)
            place.airflow.command("dags", "reserialize")
            desk = Desk(kind, place, place.gate(company), company, make_window)
        stack.callback(desk.window.close)
        yield desk


@pytest.fixture
def window(desk):
    """The browser of somebody who was never here."""
    return desk.window.fresh()


only_jwt = pytest.mark.parametrize("desk", ["jwt"], indirect=True)


# Airflow's page

def open_menu(desk):
    if desk.version == 2:
        return desk.window.click(".navbar-user-icon")

    def opened():
        menu, button = desk.window.find("[role=menu]"), desk.window.find("button[aria-label=User]")
        if button and not menu:
            button.click()
        return menu
    desk.window.until(opened, "Airflow's menu")


def name_in_menu(desk):
    """Whom Airflow's menu names; version 2 has first and last name at its icon."""
    if desk.version == 2:
        return desk.window.until(lambda: desk.window.find(".navbar-user-icon"), "Airflow's menu").get_attribute("title")
    open_menu(desk)
    return desk.window.until(lambda: re.search(r"Signed in as\n(\S+) ", desk.window.text), "the name in the menu").group(1)


def assert_is_everywhere(desk, name):
    """It is nobody else in the menu, for the page's own calls, and as to what they may."""
    window = desk.window
    assert name_in_menu(desk) == (name if desk.version == 3 else fab.FULL_NAMES[name])
    if desk.version == 3:
        assert window.fetch_json("/ui/auth/me")["username"] == name
    may = window.fetch(f"/api/v{desk.version - 1}/variables")[0]
    assert may == {"ada": 200, "vic": 403}[name]
    if name != "ada":
        assert not re.search(r"\bada\b|Ada|Minna", window.driver.page_source)


def sign_out(desk):
    """By Airflow's own menu."""
    open_menu(desk)
    if desk.version == 3:
        desk.window.click("[role=menuitem]", "Logout")
        desk.window.click("[data-testid=confirmation-confirm-button]")
    else:
        desk.window.click("form[action='/logout/'] button")
    desk.window.until(lambda: desk.window.title == "You are signed out", "Postern's page", 90)


# Journeys

def test_a_deep_link_leads_through_the_providers_form_and_back(desk, window):
    window.open(desk.dag)
    assert window.asks_for_a_password()
    window.type_password("ada")
    window.until_at(f"{APP}{desk.dag}")
    window.until(lambda: "\nsay\n" in window.text, "the DAG's task")
    assert_is_everywhere(desk, "ada")
    assert window.pages() == [f"{desk.provider.base}/accounts/login/", f"{APP}{desk.dag}"], "there was another page"
    assert window.find("[type=password]") is None
    window.picture(f"{desk.kind}-deep-link")


def test_a_dag_is_triggered_with_clicks(desk, window):
    """With the signed token until the run is a success in the grid, which is Airflow's part: with FAB until it has begun."""
    window.sign_in("ada", desk.dag)
    if desk.version == 2:
        window.click("[aria-label='Trigger DAG']")
        window.until(lambda: "Triggered hello with new Run ID manual__" in window.text, "Airflow's word that it was triggered")
        window.picture(f"{desk.kind}-run")
        return
    window.click("[data-testid=trigger-dag-button]")
    window.click("[data-testid=trigger-dag-submit]")
    window.until(lambda: "/runs/manual__" in window.address and "Triggering User\nada" in window.text, "the run's page")
    if desk.kind == "jwt":
        window.until(lambda: window.find("[data-testid=state-badge]", "Success"), "the run's success", 120)
        assert window.find("[data-testid^=grid-manual__][data-testid$=-say]"), "the grid has no cell for the run's task"
        desk.airflow.stop("scheduler")
    window.picture(f"{desk.kind}-run")
    if desk.kind == "jwt":
        window.open(desk.dag)
        window.until(lambda: "\nLast Dag Run" in window.text, "the run on the DAG's page")
        open_menu(desk)
        time.sleep(1)  # what moves has come to its place
        window.picture("airflow")  # docs/airflow/airflow.png


def test_one_who_may_only_look_cannot_trigger(desk, window):
    window.sign_in("vic", desk.dag)
    window.until(lambda: "\nsay\n" in window.text, "the DAG's task")
    if desk.version == 3:
        window.click("[data-testid=trigger-dag-button]")
        window.click("[data-testid=trigger-dag-submit]")
        window.until(lambda: "403 Forbidden" in window.text, "Airflow's refusal")
        assert window.address == f"{APP}{desk.dag}"
    else:
        assert "disabled" in window.find("[aria-label='Trigger DAG']").get_attribute("class")
    window.picture(f"{desk.kind}-viewer")


def test_somebody_without_a_group_sees_who_they_are_and_a_way_out(desk, window):
    def sign_ins():
        return len(re.findall(r'"signed in".* user="nina"', desk.site.postern.log))
    asked, before = desk.provider.log.count("GET /o/authorize/"), sign_ins()
    window.open(desk.dag)
    window.type_password("nina")
    window.until(lambda: window.title == "You may not see this", "Postern's page")
    assert "You are signed in as nina" in window.text and window.address == f"{APP}{desk.dag}"
    window.picture(f"{desk.kind}-refused")
    time.sleep(2)
    # Two for nina; another tab of this desk may sign in again meanwhile.
    assert window.title == "You may not see this" and desk.provider.log.count("GET /o/authorize/") <= asked + 4, "it is a loop"
    assert sign_ins() == before + 1, "it is a loop"
    window.click("a", "Sign out")
    window.until(lambda: window.title == "You are signed out", "the end of the session")
    window.click("a", "Sign in")
    window.until(window.asks_for_a_password, "the form for another account")


def test_signing_out_in_airflows_menu_leaves_nothing_for_the_next_person(desk, window):
    window.sign_in("ada", desk.dag)
    assert name_in_menu(desk)
    old = window.cookies()
    assert "__Host-postern" in old
    sign_out(desk)
    assert window.address == f"{APP}/oauth2/sign_out" and not {"__Host-postern", "_token", "session"} & set(window.cookies())
    window.picture(f"{desk.kind}-signed-out")
    window.driver.back()
    assert "Airflow" not in window.title, "the page came back"
    window.until(window.asks_for_a_password, "the provider's form")
    window.driver.refresh()
    window.until(window.asks_for_a_password, "the provider's form")
    # What the browser had, once more.
    other = desk.site.browser()
    other.cookies.jar |= old
    for target in ("/ui/auth/me", "/api/v2/dags") if desk.version == 3 else ("/object/grid_data?dag_id=hello", "/api/v1/dags"):
        assert other.fetch(target).status == 401, target
    window.open("/oauth2/sign_out")
    window.set_cookies(old)
    assert window.cookies() == window.cookies() | old
    window.open(desk.dag)
    assert window.asks_for_a_password()
    window.type_password("vic")
    window.until_at(f"{APP}{desk.dag}")
    assert_is_everywhere(desk, "vic")
    window.picture(f"{desk.kind}-next-person")


def test_a_tab_whose_session_is_over_goes_on_and_belongs_to_whom_the_provider_says(desk, window):
    """ada, as long as the provider knows her; then vic, who sits down at her browser."""
    window.sign_in("ada", desk.dag)
    assert name_in_menu(desk)
    window.script("window.untouched = true")
    desk.end_sessions("ada")
    if desk.version == 3:
        window.until(lambda: not window.script("return window.untouched"), "what the page does of itself")
        window.until_at(f"{APP}{desk.dag}")
    else:
        window.click("a", "DAGs")
        window.until_at(f"{APP}/home")
    assert_is_everywhere(desk, "ada")
    window.forget_the_provider()
    desk.end_sessions("ada")
    if desk.version == 2:
        window.click("a", "DAGs")
    window.type_password("vic")
    window.until_at(f"{APP}{desk.dag if desk.version == 3 else '/home'}")
    assert_is_everywhere(desk, "vic")


@only_jwt
def test_a_tab_that_nobody_touches_outlives_its_session(desk):
    """The page asks every three seconds, is told 401, goes to sign in, and is back: the provider knows who it is."""
    window = desk.soon_over.window
    window.until(lambda: not window.script("return window.untouched"), "what the page does of itself", LIFETIME + 30)
    window.until_at(f"{APP}{desk.dag}")
    assert desk.soon_over.site.postern.log.count('"signed in"') >= 2
    assert window.script("return sessionStorage.getItem('refused')"), "no call of the page was told 401"
    assert_is_everywhere(desk.soon_over, "ada")


@only_jwt
def test_a_tab_behind_others_asks_for_a_password_when_it_is_looked_at_again(desk):
    """Its page asks nothing meanwhile, so that the session is idle; and the provider's has ended as well."""
    window, target = desk.soon_over.window.fresh(), f"{desk.dag}?state=success"
    window.sign_in("uma", target)
    assert name_in_menu(desk.soon_over) == "uma"
    window.forget_the_provider()
    with window.another_tab_in_front():
        time.sleep(IDLE + 3)
    window.until(window.asks_for_a_password, "the provider's form", LIFETIME - IDLE - 15)
    window.type_password("uma")
    window.until_at(f"{APP}{target}")
    assert name_in_menu(desk.soon_over) == "uma"
