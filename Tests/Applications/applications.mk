# Applications behind the gate, as docs/flask.md and docs/jupyterlab.md have them. Included by the Makefile, whose uv this uses.

.PHONY: test-applications

test-applications: packages browser build venv .build/flask/ready .build/jupyter/ready ## Run the recipes for Flask and JupyterLab with real ones.
	$(PYTHON) -m pytest -q Tests/Applications

# Debian's Python: mod_wsgi is made for it, and the accounts that the applications run as may read it.
.build/flask/ready .build/jupyter/ready: .build/%/ready: Tests/Applications/requirements-%.txt .build/uv/ready
	rm -rf $(@D)
	$(UV) venv -q --python /usr/bin/python3 $(@D)
	VIRTUAL_ENV=$(CURDIR)/$(@D) $(UV) pip install -q -r $<
	@touch $@
