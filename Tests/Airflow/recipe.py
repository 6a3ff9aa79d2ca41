"""The recipes of docs/airflow, as people copy them: the tests move addresses and nothing else."""
import grp
import os
import re

from harness.servers import IS_ROOT, ROOT

FOLDER = os.path.join(ROOT, "docs", "airflow")


class Recipe:
    """A folder of docs/airflow. `moved` are, by file, the addresses of the recipe and where they are here: each must be there."""

    def __init__(self, name, moved):
        self.name, self.moved = name, moved

    def text(self, file):
        with open(os.path.join(FOLDER, self.name, file)) as opened:
            text = opened.read()
        for address, here in self.moved.get(file, {}).items():
            assert address in text, f"docs/airflow/{self.name}/{file} has no {address}"
            text = text.replace(address, here)
        assert "example.com" not in re.sub(r"(?m)#.*$", "", text), f"docs/airflow/{self.name}/{file} names an address that is not here"
        return text

    def environment(self, *files):
        """The variables of .env files."""
        lines = [line for file in files for line in self.text(file).splitlines() if line and not line.startswith("#")]
        return dict(line.split("=", 1) for line in lines)


def addresses(site, airflow, provider):
    """Where the addresses that every recipe has are here, for `Recipe(…, moved)`."""
    user = {} if IS_ROOT else {"listen_group: www-data": f"listen_group: {grp.getgrgid(os.getgid()).gr_name}"}
    return {
        "postern.yaml": {
            "https://airflow.example.com": "https://app.test", "https://login.example.com": provider.issuer,
            "/run/postern/postern.sock": site.postern.socket, "/etc/postern/client.secret": f"{site.folder}/secret",
            "/var/lib/postern/": f"{site.folder}/", **user},
        "nginx.conf": {
            "listen 443 ssl": f"listen 127.0.0.1:{site.port} ssl", "airflow.example.com;": "app.test;",
            "/etc/ssl/certs/airflow.example.com.pem": site.certificate[0],
            "/etc/ssl/private/airflow.example.com.key": site.certificate[1],
            "snippets/postern.conf": f"{site.folder}/postern-server.conf",
            "snippets/postern-protect.conf": f"{site.folder}/postern-protect.conf",
            "http://127.0.0.1:8080": f"http://127.0.0.1:{airflow.port}"},
    }
