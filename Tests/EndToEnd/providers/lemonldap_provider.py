#!/usr/bin/env python3
"""LemonLDAP::NG, Debian's packages, as an OpenID provider with people and clients, for the tests.

    lemonldap_provider.py --port 8003 --folder DIR --redirect URI --post-logout URI

The issuer is http://127.0.0.1:PORT. People: alice (admins, staff), bob (staff), erin; the password is the name. Clients:
confidential / confidential-secret, post / post-secret, public, and one for each extension that it has. It knows no
rotation and no revocation, and needs a web server before its FastCGI portal: nginx. It refuses to be root: started by
root, it is www-data.
"""
import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

USER = "www-data" if os.geteuid() == 0 else None
PEOPLE = {"alice": ("Alice Löfgren", ["admins", "staff"]), "bob": ("Bob Builder", ["staff"]),
          "erin": ("Erin Nogroup", [])}
GROUPS = sorted({group for _, groups in PEOPLE.values() for group in groups})
CLAIMS = {"name": "cn", "email": "mail", "preferred_username": "uid", "groups": "groups;string;always"}
CLIENTS = {
    "confidential": {"ClientSecret": "confidential-secret"}, "post": {"ClientSecret": "post-secret"},
    "public": {"Public": 1},
    # What these say of a person is in userinfo alone.
    "signed": {"ClientSecret": "signed-secret", "UserInfoSignAlg": "RS256", "IDTokenForceClaims": 0},
    "unsigned": {"ClientSecret": "unsigned-secret", "UserInfoSignAlg": "none", "IDTokenForceClaims": 0},
    "program": {"ClientSecret": "program-secret", "AllowClientCredentialsGrant": 1, "AccessTokenJWT": 1,
                "AdditionalAudiences": "https://app.test"},
}
PAGES, LIBRARIES = "/usr/share/lemonldap-ng/portal/htdocs", "/usr/share/javascript"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", required=True, help="for configuration and sessions")
    parser.add_argument("--redirect", action="append", required=True)
    parser.add_argument("--post-logout", action="append", required=True)
    parser.add_argument("--access-lifetime", type=int, default=3600, help="seconds")
    parser.add_argument("--front-channel", help="the front-channel logout of the client front")
    options = parser.parse_args()
    folder, base = options.folder, f"http://127.0.0.1:{options.port}"
    write_files(folder, options.port, settings(options, base))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    portal = subprocess.Popen(
        ["llng-fastcgi-server", "--foreground", "-s", f"{folder}/portal.sock", "-p", f"{folder}/portal.pid", "-n", "3",
         "-f", f"{folder}/people.pm", *(["-u", USER, "-g", USER] if USER else [])],
        env={**os.environ, "LLNG_DEFAULTCONFFILE": f"{folder}/lemonldap-ng.ini", "USER": "", "GROUP": "",
             "LLNG_DEFAULTLOGGER": "Lemonldap::NG::Common::Logger::Std"})
    front = subprocess.Popen(["nginx", "-e", "stderr", "-p", folder, "-c", f"{folder}/nginx.conf"])
    try:
        while not os.path.exists(f"{folder}/portal.sock") and portal.poll() is None:
            time.sleep(0.05)
        print(f"issuer {base}", flush=True)
        portal.wait()
    finally:
        for process in (front, portal):
            process.terminate()
            process.wait()


def settings(options, base):
    key = rsa.generate_private_key(65537, 2048)
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL,
                                serialization.NoEncryption()).decode()
    public = key.public_key().public_bytes(serialization.Encoding.PEM,
                                           serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    clients = {**CLIENTS, "front": {"ClientSecret": "front-secret", "LogoutUrl": options.front_channel or "",
                                    "LogoutType": "front", "LogoutSessionRequired": 1}}
    folder, plain = options.folder, {"namespace": "sessions", "default_expires_in": 600, "cache_depth": 3}
    storage = lambda name: {"Directory": f"{folder}/{name}", "LockDirectory": f"{folder}/{name}/lock"}  # noqa: E731
    return {
        "cfgNum": 1, "cfgDate": "1", "cfgAuthor": "tests", "domain": "127.0.0.1", "portal": f"{base}/",
        "securedCookie": 0, "cookieName": "lemonldap", "whatToTrace": "_whatToTrace", "timeout": 72000,
        "macros": {"_whatToTrace": "$uid"}, "demoExportedVars": {name: name for name in ("cn", "mail", "uid")},
        "exportedVars": {}, "locationRules": {}, "exportedHeaders": {}, "applicationList": {},
        "authentication": "Demo", "userDB": "Same", "passwordDB": "Null", "registerDB": "Null",
        "globalStorage": "Apache::Session::File", "globalStorageOptions": storage("sessions"),
        "persistentStorage": "Apache::Session::File", "persistentStorageOptions": storage("persistent"),
        "localSessionStorage": "Cache::FileCache",
        "localSessionStorageOptions": {**plain, "cache_root": f"{folder}/cache"},
        "groups": {group: " or ".join(f"$uid eq '{name}'" for name, (_, groups) in PEOPLE.items() if group in groups)
                   for group in GROUPS},
        "issuerDBOpenIDConnectActivation": 1, "oidcServiceMetaDataIssuer": base,
        "oidcServicePrivateKeySig": private, "oidcServicePublicKeySig": public, "oidcServiceKeyIdSig": "main",
        "oidcServiceAllowAuthorizationCodeFlow": 1, "oidcServiceMetaDataAuthnContext": {"password": 1, "strong": 5},
        "oidcRPMetaDataOptions": {name: client(name, options, more) for name, more in clients.items()},
        "oidcRPMetaDataOptionsExtraClaims": {name: {"groups": "groups"} for name in clients},
        "oidcRPMetaDataExportedVars": {name: CLAIMS for name in clients},
        "csrfToken": 0, "requireToken": 0, "portalCheckLogins": 0, "checkUserDisplay": 0, "portalForceAuthnInterval": 0,
    }


def client(name, options, more):
    members = {
        "ClientID": name, "DisplayName": name, "RedirectUris": " ".join(options.redirect), "UserIDAttr": "uid",
        "PostLogoutRedirectUris": " ".join(options.post_logout), "LogoutBypassConfirm": 1, "IDTokenSignAlg": "RS256",
        "IDTokenForceClaims": 1, "BypassConsent": 1, "RefreshToken": 1, "RequirePKCE": 1,
        "AccessTokenExpiration": options.access_lifetime, **more}
    return {f"oidcRPMetaDataOptions{member}": value for member, value in members.items()}


def write_files(folder, port, configuration):
    for name in ("conf", "cache", "sessions/lock", "persistent/lock", "temporary"):
        os.makedirs(f"{folder}/{name}")
    write(f"{folder}/conf/lmConf-1.json", json.dumps(configuration))
    write(f"{folder}/lemonldap-ng.ini", f"""
[all]
logLevel = notice
[configuration]
type = File
dirName = {folder}/conf
localStorage = Cache::FileCache
localStorageOptions = {{ 'namespace' => 'configuration', 'cache_root' => '{folder}/cache', 'default_expires_in' => 600, \
    'cache_depth' => 3 }}
[portal]
staticPrefix = /static
templateDir = /usr/share/lemonldap-ng/portal/templates
languages = en
[handler]
""")
    accounts = ", ".join(f"'{name}' => {{ uid => '{name}', cn => \"{full}\", mail => '{name}@example.com' }}"
                         for name, (full, _) in PEOPLE.items())
    write(f"{folder}/people.pm", f"""
BEGIN {{ $INC{{'GD/SecurityImage.pm'}} = __FILE__; }}  # captchas, never shown here, would want ImageMagick
require Lemonldap::NG::Portal::UserDB::Demo;
%Lemonldap::NG::Portal::UserDB::Demo::demoAccounts = ({accounts});
%Lemonldap::NG::Portal::UserDB::Demo::demoGroups = ();
1;
""")
    temporary = "".join(f"{kind}_temp_path {folder}/temporary/{kind};\n"
                        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    write(f"{folder}/nginx.conf", f"""
{f"user {USER};" if USER else ""}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 128; }}
http {{
    include /etc/nginx/mime.types;
    access_log off;
    {temporary}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            include /etc/nginx/fastcgi_params;
            fastcgi_param HTTP_HOST $http_host;
            fastcgi_param LLTYPE psgi;
            fastcgi_param SCRIPT_FILENAME {PAGES}/index.psgi;
            fastcgi_param SCRIPT_NAME "";
            fastcgi_param PATH_INFO $uri;
            fastcgi_pass unix:{folder}/portal.sock;
        }}
        location /static/ {{ alias {PAGES}/static/; }}
        location /javascript/ {{ alias {LIBRARIES}/; }}
    }}
}}
""")
    if USER:
        for place, folders, files in os.walk(folder):
            for name in (".", *folders, *files):
                shutil.chown(os.path.join(place, name), USER, USER)


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


if __name__ == "__main__":
    main()
