# All targets; what each does in detail stands at the head of its script.
# Variables: BUILD=NAME (directory under build/), T=FILE... (make test),
# LONG=1 (make test), DESTDIR= (make install).

SHELL = /bin/bash

BUILD ?=
export BUILD

NGINX = $(shell PATH=$$PATH:/usr/sbin command -v nginx)
MODULES_DIR ?= $(shell $(NGINX) -V 2>&1 \
                       | sed -n 's/.*--modules-path=\([^ ]*\).*/\1/p')

.PHONY: build deps test demo demo-check bench asan matrix lint image install \
        clean help

build:
	@util/deps build
	@util/build

deps:
	@util/deps build

test:
	@util/deps build test conformance
	@util/build --unit
	@util/test $(T)

demo:
	@util/deps build demo
	@util/build
	@util/demo/run

demo-check:
	@util/deps build demo
	@util/build
	@util/demo/run --check

bench:
	@util/deps build bench
	@util/build
	@util/bench/run

asan:
	@util/deps asan test
	@util/asan $(T)

matrix:
	@util/deps matrix
	@util/matrix

lint:
	@util/deps lint
	@util/lint/run

image:
	@echo "make image: not there yet; the container image is a later step" >&2
	@exit 1

install: build
	install -d $(DESTDIR)$(MODULES_DIR)
	install -m 644 build/$(or $(BUILD),debian)/ngx_http_mesh_module.so \
	    build/$(or $(BUILD),debian)/ngx_http_mesh_control_module.so \
	    $(DESTDIR)$(MODULES_DIR)/

clean:
	rm -rf build t/servroot*

help:
	@echo "make build | test | demo | demo-check | bench | asan | matrix |" \
	      "lint | install | clean"
