"""The recipe with a signed token (docs/airflow/jwt), running: the company's provider, Postern and nginx, and Airflow 3."""
import urllib.error
import urllib.request

from company import Company, Names, site_of_recipe
from harness.real import Person, sign_in
from real_airflow import decoded
from recipe import Recipe, addresses


class Place:
    """The recipe, running."""

    def __init__(self, authority, make_airflow, make_lasting_site):
        self.provider, self.names = Company(), Names()
        self.airflow = make_airflow(3)
        try:
            self.set_up(authority, make_lasting_site)
        except BaseException:
            self.close()
            raise

    def set_up(self, authority, make_lasting_site):
        self.site = site_of_recipe(make_lasting_site, self.provider, self.recipe)
        self.names.site_port = self.site.port
        recipe = self.site.recipe
        self.airflow.environment |= recipe.environment("airflow.env")
        self.outside = self.names.environment(authority)
        self.web_environment = {**recipe.environment("api-server.env"), **self.outside}
        execution = self.airflow.start("api-server", "--apps", "execution", "--workers", "1", name="execution", port=self.airflow.execution_port)
        self.start_web()
        self.airflow.await_answer(execution, "/execution/health", self.airflow.execution_port)

    def start_web(self):
        self.airflow.start_web("--apps", "core", "--proxy-headers", environment=self.web_environment)

    def recipe(self, site):
        moved = addresses(site, self.airflow, self.provider)
        return Recipe("jwt", {
            **moved,
            "airflow.env": {"https://airflow.example.com": "https://app.test",
                            "http://127.0.0.1:8081/": f"http://127.0.0.1:{self.airflow.execution_port}/"},
            "api-server.env": {"https://airflow.example.com": "https://app.test"}})

    def enter(self, name, target="/", browser=None):
        """Somebody's browser, signed in, and the page that it came to."""
        browser, page, _ = sign_in(self.site, self.provider, target, browser, Person(self.provider, name))
        return browser, page

    def ask(self, path="/ui/auth/me", port=None, method="GET", **headers):
        """Around nginx and Postern, straight to Airflow: the status, and what it says."""
        request = urllib.request.Request(f"http://127.0.0.1:{port or self.airflow.port}{path}", method=method,
                                         headers={name.replace("_", "-"): value for name, value in headers.items()})
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, decoded(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, decoded(error.read())

    def with_token(self, token, path="/ui/auth/me", **more):
        return self.ask(path, Authorization=f"Bearer {token}", **more)

    def close(self):
        self.airflow.close()
        self.names.close()
        self.provider.close()
