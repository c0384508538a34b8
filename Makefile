# `make` lists the targets.
.DEFAULT_GOAL := help
.PHONY: help fast test lint docs coverage lowest pr

PYTEST := python -m pytest

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## (.*)/  \1\t\2/' | expand -t 14

fast:  ## tests that are not marked slow (below 1 minute)
	$(PYTEST) -m "not slow"

test:  ## every test
	$(PYTEST)

lint:  ## ruff, its formatter, mypy and typos
	ruff check .
	ruff format --check .
	mypy
	typos

docs:  ## build the documentation site; fails for a dead link
	python docs/generate

coverage:  ## every test, with the share of lines that ran; fails below the floor in pyproject.toml
	$(PYTEST) --cov --cov-report=term:skip-covered --cov-report=xml

lowest:  ## fast tests with the lowest versions of the dependency ranges
	.ci/lowest

pr:  ## what a pull request must pass
	$(MAKE) lint docs test
	egoexobench leaderboard --check
