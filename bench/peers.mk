# What `make bench` measures beside luacsi, into build/bench/. A part of the Makefile, whose rules and flags
# it uses. A peer whose tool chain is absent is left out with a word.

BENCH := build/bench
unless_absent = command -v $(1) >/dev/null || { echo "  SKIP $(2): no $(1)"; exit 0; };

.PHONY: bench-peers bench-cpp bench-go bench-tonic
bench-peers: $(BENCH)/client $(BENCH)/floor bench-cpp bench-go bench-tonic

$(BENCH)/client: $(call object,bench/client.c bench/http2.c)
	@mkdir -p $(@D)
	$(call quiet,LINK $@)$(CC) $(LDFLAGS) -o $@ $^

# Linked as luacsi is; what it has no use for is left out by the linker.
$(BENCH)/floor: $(call object,bench/peers/floor/floor.c src/base/abseil.cc) $(GEN)/libs-$(LINK) build/link-$(LINK)
	@mkdir -p $(@D)
	$(call quiet,LINK $@)$(CXX) $(LDFLAGS) -o $@ $(filter %.o,$^) @$(GEN)/libs-$(LINK)

GRPCXX = $(if $(filter static,$(LINK)),-l:libgrpc++_unsecure.a -l:libprotobuf.a,-lgrpc++_unsecure -lprotobuf)

bench-cpp: | build/setup-BENCH
	$(Q)$(call unless_absent,grpc_cpp_plugin,cpp) $(MAKE) --no-print-directory $(BENCH)/cpp

$(BENCH)/cpp: bench/peers/cpp/peer.cc proto/csi.proto $(GEN)/libs-$(LINK) build/link-$(LINK)
	@mkdir -p $(BENCH)/gen
	$(call quiet,PROTOC $<)protoc -Iproto -I/usr/include --cpp_out=$(BENCH)/gen --grpc_out=$(BENCH)/gen \
	  --plugin=protoc-gen-grpc=$$(command -v grpc_cpp_plugin) proto/csi.proto
	$(call quiet,CXX $@)$(CXX) -std=c++17 -O2 -I$(BENCH)/gen $(LDFLAGS) -o $@ $< $(BENCH)/gen/csi.pb.cc \
	  $(BENCH)/gen/csi.grpc.pb.cc $(GRPCXX) @$(GEN)/libs-$(LINK)

# go and cargo know by themselves what is to be done again.
bench-go:
	$(Q)$(call unless_absent,go,go) cd bench/peers/go && \
	  go build -trimpath -ldflags '-s -w' -o $(CURDIR)/$(BENCH)/go || echo "  SKIP go: it does not build"

bench-tonic:
	$(Q)$(call unless_absent,cargo,tonic) cargo build --quiet --locked --release \
	  --manifest-path bench/peers/tonic/Cargo.toml --target-dir $(BENCH)/cargo && \
	  cp $(BENCH)/cargo/release/peer $(BENCH)/tonic || echo "  SKIP tonic: it does not build"

-include $(patsubst %.o,%.d,$(call object,bench/client.c bench/http2.c bench/smoke.c bench/peers/floor/floor.c))
