"""gunicorn -c simulators/gateway/gunicorn_conf.py --bind 127.0.0.1:8090 simulators.gateway.app:application"""

worker_class = "gthread"
workers = 1
threads = 16  # more than the application lets hang at once
keepalive = 75  # s; longer than any client keeps an idle connection
timeout = 60
graceful_timeout = 10  # s; longer than one hang
limit_request_line = 8190  # a hundred ids or references in one look-up
control_socket_disable = True  # nobody controls it but by signals, and its file system may be read-only
loglevel = "warning"
