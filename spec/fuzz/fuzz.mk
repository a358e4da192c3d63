# The fuzz targets, in build/fuzz/: one of spec/fuzz/*.c each, with the objects of luacsi compiled once more by
# clang, for libFuzzer. A part of the Makefile, whose rules and flags it uses.

FUZZ     := build/fuzz
FUZZERS  := message table json script flags timer
FUZZ_O    = $(filter-out $(OBJ)/src/main.o,$(BIN_O)) $(call object,spec/fuzz/fuzz.c)
# gcc says by itself that it is AddressSanitizer's build, clang does not.
FUZZ_FLAGS := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined \
              -fno-omit-frame-pointer -D__SANITIZE_ADDRESS__=1

.PHONY: fuzzers
fuzzers: build/setup-FUZZ $(FUZZ)/seeds ## the fuzz targets and what they begin with, in build/fuzz
	$(Q)$(MAKE) --no-print-directory CC=clang-14 CXX=clang++-14 SANITIZE=fuzzer INSTRUMENT='$(FUZZ_FLAGS)' \
	  $(FUZZERS:%=$(FUZZ)/%)

$(FUZZ)/flags: FUZZ_LINK = -Wl,--wrap=options_parse

$(FUZZERS:%=$(FUZZ)/%): $(FUZZ)/%: $(FUZZ_O) $(OBJ)/spec/fuzz/%.o $(GEN)/libs-static
	@mkdir -p $(@D)
	$(call quiet,LINK $@)$(CXX) -fsanitize=fuzzer,address,undefined $(FUZZ_LINK) -o $@ $(filter %.o,$^) \
	  @$(GEN)/libs-static

# Messages that are hard to come by from nothing.
$(FUZZ)/seeds: spec/fuzz/seeds.lua spec/support/messages.lua spec/support/protobuf.lua build/luacsi.so $(wildcard examples/*.lua)
	@mkdir -p $@
	$(call quiet,SEEDS $@)LUA_CPATH="build/?.so" LUA_PATH="./?.lua;;" lua5.4 $< $@ $(wildcard examples/*.lua)
	@touch $@

-include $(patsubst %.o,%.d,$(call object,$(wildcard spec/fuzz/*.c)))

# A server whose allocations fail, once with AddressSanitizer, which sees leaks, and once without, since the
# slabs of heap.c are for that build alone. $(call object,…) is the build's own: see ALLOCATION_O.
ALLOCATION := $(FUZZ)/allocation $(FUZZ)/allocation-address-undefined
ALLOCATION_BIN = $(FUZZ)/allocation$(if $(SANITIZE),-$(subst $(comma),-,$(SANITIZE)))
FAULTS := malloc calloc realloc strdup strndup posix_memalign

.PHONY: allocation allocation-one
allocation: ## the server whose allocations fail, in build/fuzz
	$(Q)$(MAKE) --no-print-directory allocation-one
	$(Q)$(MAKE) --no-print-directory SANITIZE=address,undefined allocation-one

allocation-one: $(ALLOCATION_BIN)

$(ALLOCATION_BIN): $(call object,spec/fuzz/allocation.c spec/fuzz/fault.c) $(OBJ)/fault.o $(GEN)/libs-static
	@mkdir -p $(@D)
	$(call quiet,LINK $@)$(CXX) $(LDFLAGS) -o $@ $(filter %.o,$^) @$(GEN)/libs-static

# All of luacsi but main, in one object, with other names for what it takes memory by.
$(OBJ)/fault.o: $(filter-out $(OBJ)/src/main.o,$(BIN_O))
	$(call quiet,LINK $@)$(CC) -r -nostdlib $(LTO) $(if $(LTO),-flinker-output=nolto-rel) -o $@ $^
	$(Q)objcopy $(foreach name,$(FAULTS),--redefine-sym $(name)=fault_$(name)) $@
