# The verbs people try first. Meson and ninja do the work; tools/setup.sh installs what is missing.
BUILD ?= build
WEB ?= 1
DATA ?= data
PORT ?= 8040

.PHONY: help setup run test build lint asan tsan valgrind bench study shots clean
help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup: ## install what the build needs (Debian packages, node, npm packages)
	@WEB=$(WEB) tools/setup.sh

run: build ## build, start the server on 127.0.0.1:8040 and print the first-run link
	$(BUILD)/patron serve --data $(DATA) --port $(PORT)

build: setup ## build/patron (WEB=0: without the browser part, no node needed)
	@WEB=$(WEB) BUILD=$(BUILD) tools/build.sh

test: setup ## everything: SQLite, PostgreSQL, browser; ends with N passed, N failed, N skipped
	@WEB=$(WEB) BUILD=$(BUILD) tools/test.sh

lint: setup ## formatting, static analysis, include graph, eslint, vue-tsc
	@WEB=$(WEB) BUILD=$(BUILD) tools/lint.sh

asan: setup ## unit and API tests under AddressSanitizer and UBSan
	@BUILD=$(BUILD)-asan SANITIZE=address,undefined WEB=0 tools/test.sh

tsan: setup ## the same under ThreadSanitizer
	@BUILD=$(BUILD)-tsan SANITIZE=thread WEB=0 tools/test.sh

valgrind: build ## unit tests of the value engine under valgrind
	@BUILD=$(BUILD) tools/valgrind.sh

bench: build ## every figure with its baseline
	@BUILD=$(BUILD) tools/bench.sh

study: build ## known parameters, intervals, false alarms: the tables of docs/models/study.md (CPU minutes)
	@$(BUILD)/bench/value_study

shots: build ## a picture of every screen, width, language and theme, checked by program
	@BUILD=$(BUILD) tools/web.sh shots

.PHONY: fuzz
fuzz: setup ## made-up inputs for the readers of files, SECONDS=60 each
	@BUILD=$(BUILD) SECONDS_EACH=$(or $(SECONDS),60) tools/fuzz.sh

clean: ## remove what was built
	rm -rf $(BUILD) $(BUILD)-asan $(BUILD)-tsan $(BUILD)-fuzz web/dist
