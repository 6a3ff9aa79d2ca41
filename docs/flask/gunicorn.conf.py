# gunicorn --config gunicorn.conf.py app:behind_nginx
#
# Whoever connects to this socket says who they are. Anybody may, by its mode; but the folder is nginx's and the
# application's alone. /etc/tmpfiles.d/reports.conf:   d /run/reports 0750 reports www-data

bind = "unix:/run/reports/app.sock"
workers = 2

# From a Unix socket gunicorn takes these fields of a request for the web server's own word on which path to serve.
# nginx lets a client's through where underscores_in_headers is on, and the gate has judged another path.
forwarder_headers = ""

control_socket_disable = True
