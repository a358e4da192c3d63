# luacsi. `make help` lists the targets; all that is built lies in build/.
#
#   V=1                          show the commands
#   LINK=shared                  link the system's shared libraries instead of its archives
#   SANITIZE=address,undefined   an instrumented binary of its own, for test, check and demo
#   SPEC=spec/cli_spec.lua       run only these specs
#   JOBS=1                       one spec file at a time (as many as there are processors)
#   AREA="wire floods"           only these areas of hostile; LONG=1: its long form, some hours

VERSION  := 0.1.0
RELEASED := 2026-11-22
PREFIX   ?= /usr/local
LUACDIR  ?= $(PREFIX)/lib/lua/5.4
ZSHDIR   ?= $(PREFIX)/share/zsh/site-functions
LINK     ?= static
SPEC     ?= $(shell find spec -name '*_spec.lua' -not -path 'spec/packaging/*' | sort)

# Debian packages, by what needs them.
PACKAGES_BUILD       := gcc g++ libc6-dev pkg-config libgrpc-dev libabsl-dev libc-ares-dev zlib1g-dev \
                        libprotobuf-c-dev protobuf-c-compiler protobuf-compiler libprotobuf-dev \
                        liblua5.4-dev lua5.4 libuv1-dev libjansson-dev libmicrohttpd-dev libcurl4-openssl-dev \
                        libedit-dev libncurses-dev libbsd-dev libmd-dev
PACKAGES_TEST        := lua-busted lua-luv lua5.4 lua-check
PACKAGES_LINT        := clang-tidy clang-format lua-check
PACKAGES_VALGRIND    := valgrind
PACKAGES_DEB         := dpkg-dev
PACKAGES_PACKAGING   := $(PACKAGES_TEST) fakeroot mandoc zsh fish luarocks systemd
PACKAGES_BENCH       := $(PACKAGES_TEST) $(PACKAGES_VALGRIND) nghttp2-client libgrpc++-dev protobuf-compiler-grpc
PACKAGES_HOSTILE     := $(PACKAGES_TEST) $(PACKAGES_VALGRIND)
PACKAGES_FUZZ        := clang-14 libclang-rt-14-dev
PACKAGES_COVERAGE    := $(PACKAGES_TEST) gcovr
PACKAGES_CONFORMANCE := $(if $(shell command -v go),,golang-go) ca-certificates

Q := $(if $(V),,@)
quiet = $(if $(V),,@echo "  $(1)";)
comma := ,

# What is built, and where. The objects serve the binary and luacsi.so alike, so they are -fPIC.
GEN := build/gen
OBJ := build/obj$(if $(SANITIZE),-$(subst $(comma),-,$(SANITIZE)))
BIN := build/luacsi$(if $(SANITIZE),-$(subst $(comma),-,$(SANITIZE)))

PB      := control csi health luacsi pluginregistration reflection google/protobuf/descriptor google/protobuf/timestamp google/protobuf/wrappers
PB_H    := $(PB:%=$(GEN)/%.pb-c.h)
GEN_C   := $(PB:%=$(GEN)/%.pb-c.c) $(GEN)/embedded.S
DESCRIPTORS := $(GEN)/csi.desc $(GEN)/control.desc
DEFINITIONS := $(patsubst %,build/definitions/%.lua,csi csi.fault csi.messages luacsi luacsi.testing)
STARTER := $(wildcard starter/* deploy/kubernetes/base/*) $(DEFINITIONS)
SCRIPTS := $(sort $(wildcard scripts/*.lua scripts/*/*.lua))

BIN_C := src/main.c $(wildcard $(addprefix src/,base/*.c io/*.c csi/*.c script/*.c serve/*.c cli/*.c))
SO_C  := $(wildcard $(addprefix src/,client/*.c base/*.c csi/*.c io/client.c io/endpoint.c io/unary.c \
           script/codec_*.c script/wire_*.c script/json*.c))
object = $(patsubst %,$(OBJ)/%.o,$(basename $(1)))
BIN_O := $(call object,$(BIN_C) src/base/abseil.cc $(GEN_C) $(GEN)/starter.S)
SO_O  := $(call object,$(SO_C) $(GEN_C))

# Flags. Those which ask pkg-config are recursive: nothing but make itself is needed to read this file.
CPPFLAGS = -Isrc -I$(GEN) $(shell pkg-config --cflags lua5.4) -D_GNU_SOURCE -DLUACSI_VERSION='"$(VERSION)"'
WARN     = -Wall -Wextra -Wshadow -Wconversion
HARDEN   = $(if $(SANITIZE),,-D_FORTIFY_SOURCE=2) -fstack-protector-strong -Wformat -Werror=format-security
LTO      = $(if $(SANITIZE),,-flto=auto)
CODE     = -O2 -g -fPIC -fvisibility=hidden -ffunction-sections -fdata-sections $(LTO)
INSTRUMENT = $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
CFLAGS   = -std=gnu11 $(CODE) $(WARN) -Wstrict-prototypes -Wmissing-prototypes $(HARDEN) $(INSTRUMENT)
CXXFLAGS = -std=c++17 $(CODE) $(WARN) $(HARDEN) $(INSTRUMENT)
LDFLAGS  = -Wl,--gc-sections -Wl,-z,relro -Wl,-z,now $(LTO) $(INSTRUMENT)

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY: $(GEN_C) $(GEN)/starter.S
.PHONY: all run demo test check lint format valgrind hostile conformance bench bench-report bench-scaling bench-smoke \
  packaging manifests manual install install-lua deb dist clean help

include bench/peers.mk
include spec/fuzz/fuzz.mk
include spec/coverage/coverage.mk

all: build/luacsi build/luacsi.so ## build luacsi and its Lua client (the default)

run: $(BIN) ## build, serve examples/hello.lua, show its answers, go on until Ctrl-C
	$(Q)tools/demo $(BIN) run

demo: $(BIN) ## the same with an end: change a copy of the script, show the other answers
	$(Q)tools/demo $(BIN) demo

test: $(BIN) build/luacsi.so build/setup-TEST ## run the specs (SPEC=... for some of them)
	$(Q)LUACSI=$(abspath $(BIN)) tools/busted $(SPEC)

check: $(BIN) ## quick: are the examples good scripts? Then the specs
	$(Q)$(BIN) check --allow-all --set name=rbd.csi.ceph.com --set version=v3.0.0 examples/*.lua
	$(Q)$(MAKE) --no-print-directory test

lint: build/setup-LINT $(PB_H) ## clang-tidy, clang-format, luacheck, the layers
	$(Q)tools/lint $(CPPFLAGS)

format: build/setup-LINT ## clang-format the sources
	$(Q)clang-format -i $(wildcard src/*.c src/*/*.[ch] src/*/*.cc bench/*.c spec/*/*.[ch])

valgrind: build/luacsi build/luacsi.so build/setup-TEST build/setup-VALGRIND ## the specs, with the binary under valgrind
	$(Q)LUACSI=$(abspath build/luacsi) LUACSI_WRAPPER="valgrind --quiet --error-exitcode=99 \
	  --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite --child-silent-after-fork=yes" tools/busted $(SPEC)

hostile: build/luacsi build/luacsi.so build/clock.so build/setup-HOSTILE ## what it withstands: areas with bar and figure (AREA=floods; LONG=1)
	$(Q)ulimit -n $$(ulimit -Hn); lua5.4 spec/hostile/main.lua $(AREA)

conformance: build/luacsi build/luacsi.so build/setup-CONFORMANCE ## csi-sanity, grpcurl and grpc-health-probe against the examples
	$(Q)tools/conformance

bench: build/luacsi build/luacsi.so build/setup-BENCH bench-peers ## all that is measured, and the targets (BENCH_ROUNDS, BENCH_SECONDS)
	$(Q)ulimit -n $$(ulimit -Hn); lua5.4 bench/run.lua

bench-report: ## make bench, and show its figures in docs/performance.md
	$(Q)$(MAKE) --no-print-directory bench; missed=$$?; lua5.4 bench/publish.lua && exit $$missed

bench-scaling: build/luacsi build/luacsi.so build/setup-BENCH $(BENCH)/client ## how costs grow; preemption
	$(Q)ulimit -n $$(ulimit -Hn); lua5.4 bench/run.lua scaling

bench-smoke: build/luacsi build/bench-smoke build/setup-VALGRIND ## idle memory, first answer, instructions per call
	$(Q)build/bench-smoke build/luacsi

packaging: build/setup-PACKAGING deb dist ## the specs of what is installed: manual, packages, deploy/
	$(Q)LUACSI=$(abspath build/luacsi) tools/busted spec/packaging

manifests: build/setup-CONFORMANCE ## hold deploy/ against the types of Kubernetes and Nomad (needs Go)
	$(Q)cd deploy/validate && go run .

manual: build/manual/luacsi.1 ## man pages and completions, in build/manual

install: all manual install-lua ## install under PREFIX (/usr/local), staged in DESTDIR
	install -D -s build/luacsi $(DESTDIR)$(PREFIX)/bin/luacsi
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man1 build/manual/*.1
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man7 build/manual/*.7
	install -D -m 644 build/manual/luacsi.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/luacsi
	install -D -m 644 build/manual/_luacsi $(DESTDIR)$(ZSHDIR)/_luacsi
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d build/manual/luacsi.fish
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/doc/luacsi README.md docs/*.md
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/doc/luacsi/examples examples/*.lua
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/doc/luacsi/examples/recipes examples/recipes/*.lua
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/doc/luacsi/examples/recipes/spec examples/recipes/spec/*.lua
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/luacsi/definitions $(DEFINITIONS)
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's,/usr/bin/,$(PREFIX)/bin/,' deploy/luacsi@.service >$(DESTDIR)$(PREFIX)/lib/systemd/system/luacsi@.service

install-lua: build/luacsi.so
	install -D -s -m 644 build/luacsi.so $(DESTDIR)$(LUACDIR)/luacsi.so

deb: all manual build/setup-DEB ## a Debian package, in build/
	$(Q)tools/deb $(VERSION) $(RELEASED)

dist: ## the sources as a tar file, in build/
	$(Q)tools/dist $(VERSION) $(RELEASED)

clean: ## remove build/
	rm -rf build

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile spec/*/*.mk
	@sed -n 's/^#   //p' Makefile

# Set-up: the Debian packages of a group are there. Redone when this file changes.
build/setup-%: Makefile
	$(Q)tools/setup $(PACKAGES_$*)
	@mkdir -p build && touch $@

# The manual says what the binary says of itself, and docs/scripting.md.
build/manual/luacsi.1: build/luacsi build/luacsi.so docs/scripting.md $(wildcard tools/manual/*.lua) Makefile
	@mkdir -p $(@D)
	$(call quiet,MANUAL $(@D))LUA_CPATH="build/?.so" lua5.4 tools/manual/main.lua build/luacsi $(@D) $(RELEASED)

# Linking. build/link-* remembers the way it was linked last; luacsi.so is never instrumented.
$(BIN): $(BIN_O) $(GEN)/libs-$(LINK) build/link-$(LINK)
	$(call quiet,LINK $@)$(CXX) $(LDFLAGS) -o $@ $(filter %.o,$^) @$(GEN)/libs-$(LINK)

build/link-%:
	@mkdir -p build && rm -f build/link-* && touch $@

ifdef SANITIZE
build/luacsi build/luacsi.so build/bench-smoke: FORCE
	$(Q)$(MAKE) -s SANITIZE= $@
FORCE:
else
build/luacsi.so: $(SO_O)
	$(call quiet,LINK $@)$(CC) -shared -Wl,-z,nodelete $(LDFLAGS) -o $@ $(SO_O) \
	  $(shell pkg-config --libs grpc_unsecure libprotobuf-c jansson)

build/bench-smoke: $(call object,bench/smoke.c bench/http2.c) | build/setup-BUILD
	$(call quiet,LINK $@)$(CC) $(LDFLAGS) -o $@ $^
endif

# Preloaded by specs that set the clock.
build/clock.so: spec/support/clock.c | build/setup-BUILD
	$(call quiet,CC $<)$(CC) $(WARN) -O2 -fPIC -shared -o $@ $<

$(GEN)/libs-%: tools/libs | build/setup-BUILD
	@mkdir -p $(@D)
	$(Q)tools/libs $* >$@

# Compiling. Only luaopen_luacsi is to be seen from outside.
$(OBJ)/src/client/%.o: CODE += -fvisibility=default

$(OBJ)/%.o: %.c | $(PB_H)
	@mkdir -p $(@D)
	$(call quiet,CC $<)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(OBJ)/%.o: %.cc | build/setup-BUILD
	@mkdir -p $(@D)
	$(call quiet,CXX $<)$(CXX) $(CPPFLAGS) $(CXXFLAGS) -MMD -MP -c -o $@ $<

$(OBJ)/$(GEN)/%.o: $(GEN)/%.c | $(PB_H)
	@mkdir -p $(@D)
	$(call quiet,CC $<)$(CC) $(CPPFLAGS) $(CFLAGS) -w -c -o $@ $<

$(OBJ)/$(GEN)/%.o: $(GEN)/%.S
	@mkdir -p $(@D)
	$(call quiet,AS $<)$(CC) -c -o $@ $<

-include $(patsubst %.o,%.d,$(BIN_O) $(SO_O))

# Generating: protobuf-c's code, the descriptor set, and the files that lie inside the binary.
PROTOC_I := -Iproto -I$(GEN) -I/usr/include

$(GEN)/%.pb-c.c $(GEN)/%.pb-c.h: proto/%.proto | build/setup-BUILD
	@mkdir -p $(GEN)
	$(call quiet,PROTOC $<)protoc-c $(PROTOC_I) --c_out=$(GEN) $<

$(GEN)/google/%.pb-c.c $(GEN)/google/%.pb-c.h: | build/setup-BUILD
	@mkdir -p $(GEN)
	$(call quiet,PROTOC google/$*.proto)protoc-c $(PROTOC_I) --c_out=$(GEN) google/$*.proto

$(GEN)/reflection_v1alpha.proto: proto/reflection.proto
	@mkdir -p $(GEN)
	$(Q)sed 's/^package grpc.reflection.v1/&alpha/' $< >$@

$(GEN)/csi.desc: $(addprefix proto/,csi.proto health.proto luacsi.proto reflection.proto) \
                 $(GEN)/reflection_v1alpha.proto
$(GEN)/control.desc: $(addprefix proto/,control.proto reflection.proto) $(GEN)/reflection_v1alpha.proto

# One for each socket: what its reflection tells of.
$(DESCRIPTORS): | build/setup-BUILD
	$(call quiet,PROTOC $@)protoc $(PROTOC_I) --include_imports --descriptor_set_out=$@ $^

$(GEN)/embedded.S: tools/embed $(SCRIPTS) $(DESCRIPTORS) | build/setup-BUILD
	$(call quiet,EMBED $@)tools/embed embedded_files $(SCRIPTS) $(DESCRIPTORS) >$@

$(GEN)/starter.S: tools/embed $(STARTER)
	$(call quiet,EMBED $@)tools/embed embedded_starter $(STARTER) >$@

# What an editor knows of scripts: the messages are luacsi.so's, the functions those of the comments beside them.
DOCUMENTED := $(wildcard src/script/csi_*.c src/client/*.c) src/script/json.c src/script/handler.c \
              $(wildcard scripts/csi.lua scripts/csi/*.lua scripts/testing.lua scripts/testing/[acs]*.lua)

$(DEFINITIONS) &: $(wildcard tools/definitions/*.lua) $(DOCUMENTED) proto/csi.proto Makefile | build/luacsi.so
	@mkdir -p build/definitions
	$(call quiet,DEFINE build/definitions)LUA_CPATH="build/?.so" lua5.4 tools/definitions/main.lua build/definitions $(DOCUMENTED)
