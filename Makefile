# Postern. `make demo` shows it, `make test` checks everything; the other targets are steps of these two.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo demo-check test test-airflow build unit end-to-end soak lint bench install clean packages build-packages browser venv

PREFIX ?= /usr/local
SUDO := $(shell [ $$(id -u) = 0 ] || echo sudo)
PYTHON := .build/venv/bin/python
RELEASE := swift build -c release --static-swift-stdlib
BUILD_PACKAGES := gcc libfcgi-dev libcurl4-openssl-dev libsqlite3-dev
RUN_PACKAGES := nginx-light openssl python3 python3-venv
TEST_PACKAGES := chromium chromium-driver fonts-dejavu-core glewlwyd faketime apache2-bin libapache2-mod-fcgid \
	libapache2-mod-wsgi-py3 media-types lighttpd lighttpd-modules-lua lighttpd-mod-openssl \
	lemonldap-ng-fastcgi-server liblemonldap-ng-portal-perl libstring-random-perl libio-string-perl
BENCH_PACKAGES := wrk apache2-bin libapache2-mod-fcgid libapache2-mod-auth-openidc

help: ## Show this.
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 20

demo: packages build venv ## Start a provider, nginx, Postern and a page to protect.
	@$(PYTHON) Tests/Demo/demo.py

demo-check: packages browser build venv ## The demo, unattended, with a real browser; leaves .build/demo.png.
	$(PYTHON) Tests/Demo/demo.py --check

test: packages browser lint unit build venv end-to-end demo-check ## Everything but the recipes: lint, unit tests, end-to-end tests, demo.

build: build-packages ## Build the release binary.
	$(RELEASE) --product postern

unit: packages ## Run the unit tests.
	swift build --build-tests
	swift test --skip-build

# Every other file in a second run beside the first: the tests wait for servers and clocks more than they work.
end-to-end: packages browser build venv ## Run the end-to-end tests against the release binary.
	@files=($(sort $(wildcard Tests/EndToEnd/test_*.py))); run="$(PYTHON) -m pytest -q -p no:cacheprovider"; \
	  $$run $$(printf '%s\n' $${files[@]} | sed -n 'n;p') > .build/end-to-end.log 2>&1 & second=$$!; \
	  $$run $$(printf '%s\n' $${files[@]} | sed -n 'p;n'); status=$$?; \
	  wait $$second || status=$$?; cat .build/end-to-end.log; exit $$status

test-airflow: packages browser build venv .build/airflow3/ready .build/airflow2/ready .build/airflowctl/ready ## Run the recipes for Airflow with real ones.
	$(PYTHON) -m pytest -q Tests/Airflow

soak: packages build venv ## A hundred thousand checks of several people at once: each is told who they are.
	POSTERN_SOAK=100000 $(PYTHON) -m pytest -q -p no:cacheprovider Tests/EndToEnd/test_ses.py -k SES_13

lint: ## Check the format and the length of the files.
	swift format lint --strict --recursive Sources Tests
	@long=$$(find Sources Tests -name '*.swift' -exec awk 'END { if (NR > 300) print FILENAME ": " NR " lines" }' {} \;); \
	  if [ -n "$$long" ]; then echo "$$long"; echo "a file has 300 lines at most"; exit 1; fi

bench: packages build venv ## Measure a check beside a no-op and peers; leaves .build/bench.json, .build/bench-apache.json.
	@$(call install,$(BENCH_PACKAGES))
	$(RELEASE) --product postern-seed
	$(PYTHON) Tests/Bench/bench.py
	$(PYTHON) Tests/Bench/apache.py

install: build ## Install the binary and the systemd unit below PREFIX.
	install -D -m 0755 .build/release/postern $(DESTDIR)$(PREFIX)/bin/postern
	install -D -m 0644 docs/systemd/postern.service $(DESTDIR)$(PREFIX)/lib/systemd/system/postern.service

clean: ## Remove what was built.
	rm -rf .build

# Only what is missing is installed, the package lists are read only when something is, and no server is started by it:
# the tests start their own.
define install
missing=$$(for p in $(1); do dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || echo $$p; done); \
if [ -n "$$missing" ]; then \
  policy=/usr/sbin/policy-rc.d; \
  if [ ! -e $$policy ]; then \
    printf '#!/bin/sh\nexit 101\n' | $(SUDO) install -m 0755 /dev/stdin $$policy; trap "$(SUDO) rm -f $$policy" EXIT; fi; \
  $(SUDO) apt-get -qq update && \
  $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install $$missing; fi
endef

packages: build-packages
	@$(call install,$(RUN_PACKAGES))

build-packages:
	@$(call install,$(BUILD_PACKAGES))

browser:
	@$(call install,$(TEST_PACKAGES))

venv: .build/venv/ready

.build/venv/ready: Tests/EndToEnd/requirements.txt
	python3 -m venv .build/venv
	.build/venv/bin/pip install -q -r Tests/EndToEnd/requirements.txt
	@touch $@

# Airflow comes with some hundred packages: uv installs them in seconds, and keeps them for the next time. The lists are for
# Debian 12's Python.
UV := $(if $(wildcard /etc/ssl/certs/ca-certificates.crt),SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt )$(CURDIR)/.build/uv/bin/uv

.build/uv/ready:
	python3 -m venv .build/uv
	.build/uv/bin/pip install -q uv==0.13.9
	@touch $@

.build/airflow%/ready: Tests/Airflow/requirements-airflow%.txt .build/uv/ready
	rm -rf $(@D)
	$(UV) venv -q --python /usr/bin/python3 $(@D)
	VIRTUAL_ENV=$(CURDIR)/$(@D) $(UV) pip install -q -r $<
	@touch $@

include Tests/Applications/applications.mk
