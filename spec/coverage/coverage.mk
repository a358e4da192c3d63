# The lines of src/ that run under the specs. A part of the Makefile, whose rules and flags it uses.

COVERAGE := build/coverage
COVERAGE_FLAGS := --coverage -fprofile-update=atomic -O0

.PHONY: coverage coverage-build
coverage: build/setup-COVERAGE ## the lines of src/ that run under the specs, in a build of its own
	$(Q)$(MAKE) --no-print-directory SANITIZE=coverage INSTRUMENT='$(COVERAGE_FLAGS)' HARDEN= coverage-build
	$(Q)find build/obj-coverage -name '*.gcda' -delete
	$(Q)rm -f $(COVERAGE)/lines.*
	$(Q)LUACSI=$(abspath build/luacsi-coverage) LUACSI_LIBRARY=$(COVERAGE) \
	  tools/busted $(SPEC); status=$$?; \
	  gcovr --root . --filter src/ --sort-uncovered --txt $(COVERAGE)/lines.txt \
	    --json-summary $(COVERAGE)/lines.json build/obj-coverage && cat $(COVERAGE)/lines.txt; exit $$status

coverage-build: build/luacsi-coverage $(COVERAGE)/luacsi.so

build/luacsi-coverage: LDFLAGS += -Wl,--wrap=syscall,--wrap=_exit
build/luacsi-coverage: $(OBJ)/spec/coverage/reach.o

$(COVERAGE)/luacsi.so: $(SO_O)
	@mkdir -p $(@D)
	$(call quiet,LINK $@)$(CC) -shared -Wl,-z,nodelete $(LDFLAGS) -o $@ $(SO_O) \
	  $(shell pkg-config --libs grpc_unsecure libprotobuf-c jansson)
