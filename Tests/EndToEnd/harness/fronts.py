"""The web servers in front: each runs the configuration that `postern snippet` prints, as it is."""
import contextlib
import os
import shutil
import signal
import time

from .servers import IS_ROOT, WEB_USER, Nginx, Server, can_connect, wait_until

MODULES = "/usr/lib/apache2/modules"


def start(server, port):
    """Starts a web server and waits until it listens."""
    server.start()

    def listens():
        assert server.is_running(), f"{server.name} ended: {server.log}"
        return can_connect(port)
    wait_until(listens, what=server.name)
    return server


def own(folder):
    """A folder that the web server writes into."""
    os.makedirs(folder, exist_ok=True)
    if IS_ROOT:
        shutil.chown(folder, WEB_USER)


def write_snippets(site, kind, parts, moved):
    """Each part as a file in the site's folder; `moved` are paths of a real installation and where they are here."""
    for part in parts:
        text = site.postern.run("snippet", kind, "--part", part).stdout
        for path, here in moved.items():
            text = text.replace(path, here)
        with open(os.path.join(site.folder, f"postern-{part}.conf"), "w") as file:
            file.write(text)


def nginx(site, extra="", main="", http=""):
    write_snippets(site, "nginx", ["http", "server", "protect"], {"/var/lib/nginx/": f"{site.folder}/nginx-"})
    tls = "ssl_certificate {}; ssl_certificate_key {};".format(*site.certificate) if site.secure else ""
    how = " ssl" if site.secure else ""
    http = http(site) if callable(http) else http
    return Nginx(site.folder, f"""
    include {site.folder}/postern-http.conf;
    {http}
    server {{
        listen 127.0.0.1:{site.port}{how};
        server_name app.test;
        {tls}
        include {site.folder}/postern-server.conf;
        {extra}
        location / {{
            include {site.folder}/postern-protect.conf;
            proxy_pass http://127.0.0.1:{site.backend.port};
        }}
    }}
    server {{
        listen 127.0.0.1:{site.plain_port}{how};
        server_name app.test;
        {tls}
        location = /_auth {{
            internal;
            include /etc/nginx/fastcgi_params;
            fastcgi_param X_ORIGINAL_URI $request_uri;
            fastcgi_pass_request_body off;
            fastcgi_pass unix:{site.postern.socket};
        }}
        location /oauth2/ {{
            include /etc/nginx/fastcgi_params;
            fastcgi_pass unix:{site.postern.socket};
        }}
        location / {{
            auth_request /_auth;
            auth_request_set $user $upstream_http_x_auth_request_user;
            auth_request_set $email $upstream_http_x_auth_request_email;
            auth_request_set $groups $upstream_http_x_auth_request_groups;
            proxy_set_header X-Auth-Request-User $user;
            proxy_set_header X-Auth-Request-Email $email;
            proxy_set_header X-Auth-Request-Groups $groups;
            proxy_pass http://127.0.0.1:{site.backend.port};
        }}
    }}
""", main=main)


class Apache(Server):
    """httpd with the modules of Debian, the event MPM, and one virtual host."""

    def __init__(self, site, needs, vhost, server=""):
        folder = site.folder
        needs = ["mpm_event", "authn_core", "authz_core", "authz_host", "authz_user", "alias", "dir", "env", "setenvif",
                 "mime", "headers", "rewrite", "cgid", "proxy", "proxy_http", "ssl", "socache_shmcb", "wsgi", *needs]
        tls = "SSLEngine on\nSSLCertificateFile {}\nSSLCertificateKeyFile {}".format(*site.certificate) if site.secure else ""
        user = f"User {WEB_USER}\nGroup {WEB_USER}\n" if IS_ROOT else ""
        modules = "".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so\n" for name in needs)
        config = os.path.join(folder, "apache.conf")
        with open(config, "w") as file:
            file.write(f"""
ServerRoot {folder}
PidFile {folder}/apache.pid
ErrorLog /proc/self/fd/2
LogLevel warn
ServerName fallback.test
{modules}
{user}
Listen 127.0.0.1:{site.port}
TypesConfig /etc/mime.types
ScriptSock {folder}/cgisock
WSGISocketPrefix {folder}/wsgi
AcceptPathInfo On
<Directory />
    Require all denied
    AllowOverride None
</Directory>
{server}
<VirtualHost 127.0.0.1:{site.port}>
    ServerName app.test
    {tls}
    DocumentRoot {folder}/site
    <Directory {folder}/site>
        Require all granted
        AllowOverride All
        Options +ExecCGI
        AddHandler cgi-script .cgi
    </Directory>
{vhost}
</VirtualHost>
""")
        os.makedirs(f"{folder}/site", exist_ok=True)
        super().__init__("apache", folder, ["apache2", "-d", folder, "-f", config, "-DFOREGROUND"])

    def stop(self, number=signal.SIGTERM, seconds=8):
        status = super().stop(number, seconds)
        time.sleep(0.1)
        return status


# Everything below / is the application's, but for Postern's pages and the folders of files.
PROTECTED = """
    ProxyPass /files/ !
    ProxyPass /cgi/ !
    ProxyPass /wsgi/ !
    ProxyPass / http://127.0.0.1:{backend}/ upgrade=websocket
    <LocationMatch "^/(?!oauth2/)">
        Include {folder}/postern-protect.conf
        {extra}
    </LocationMatch>
"""


def apache_fcgid(site, extra=""):
    folder = site.folder
    write_snippets(site, "apache-fcgid", ["server", "vhost", "protect", "lua"],
                   {"/etc/apache2/postern/variables.lua": f"{folder}/postern-lua.conf"})
    own(f"{folder}/fcgid")
    return Apache(site, ["fcgid", "lua"], f"Include {folder}/postern-vhost.conf\n" + PROTECTED.format(
        backend=site.backend.port, folder=folder, extra=extra), server=f"""
FcgidIPCDir {folder}/fcgid
FcgidProcessTableFile {folder}/fcgid/table
Include {folder}/postern-server.conf
""")


def apache_authnz(site, extra=""):
    folder = site.folder
    write_snippets(site, "apache-authnz", ["server", "vhost", "protect"], {})
    return Apache(site, ["authnz_fcgi", "proxy_fcgi"], f"Include {folder}/postern-vhost.conf\n" + PROTECTED.format(
        backend=site.backend.port, folder=folder, extra=extra), server=f"Include {folder}/postern-server.conf\n")


def lighttpd(site, extra=""):
    folder = site.folder
    write_snippets(site, "lighttpd", ["server", "lua"], {"/etc/lighttpd/postern.lua": f"{folder}/postern-lua.conf"})
    os.makedirs(f"{folder}/site", exist_ok=True)
    own(f"{folder}/lighttpd")
    tls = ('server.modules += ("mod_openssl")\nssl.engine = "enable"\nssl.pemfile = "{}"\nssl.privkey = "{}"\n'
           .format(*site.certificate) if site.secure else "")
    user = f'server.username = "{WEB_USER}"\nserver.groupname = "{WEB_USER}"\n' if IS_ROOT else ""
    config = os.path.join(folder, "lighttpd.conf")
    with open(config, "w") as file:
        file.write(f"""
server.modules = ("mod_access", "mod_alias")
server.document-root = "{folder}/site"
server.port = {site.port}
server.bind = "127.0.0.1"
server.name = "app.test"
server.upload-dirs = ("{folder}/lighttpd")
{user}{tls}
include "{folder}/postern-server.conf"
server.modules += ("mod_cgi", "mod_proxy")
{extra}
$HTTP["url"] =~ "^/cgi/" {{
    cgi.assign = (".cgi" => "")
}}
else $HTTP["url"] !~ "^/(oauth2|files)/" {{
    proxy.server = ("" => (("host" => "127.0.0.1", "port" => {site.backend.port})))
    proxy.header = ("upgrade" => "enable")
}}
""")
    return Server("lighttpd", folder, ["lighttpd", "-D", "-f", config])


FRONTS = {"nginx": nginx, "apache-fcgid": apache_fcgid, "apache-authnz": apache_authnz, "lighttpd": lighttpd}


def spawned(site):
    """The pids of Posterns that Apache started."""
    found = []
    for name in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            if name.isdigit():
                with open(f"/proc/{name}/environ", "rb") as file:
                    if f"POSTERN_CONFIG={site.postern.config}\0".encode() in file.read() + b"\0":
                        found.append(int(name))
    return found


def only(*fronts):
    """A test for these web servers alone, in a file that runs with several."""
    def mark(function):
        function.fronts = fronts
        return function
    return mark
