-- The Lua client alone: `luarocks make` in the sources builds and installs luacsi.so. Its libraries come
-- from Debian packages, which the Makefile installs where they are missing.
rockspec_format = "3.0"
package = "luacsi"
version = "0.1.0-1"
source = {
  url = "file://luacsi-0.1.0.tar.gz", -- of `make dist`
}
description = {
  summary = "Call CSI drivers from Lua",
  detailed = "A client for the Container Storage Interface: any method of any driver, with tables for messages.",
  license = "Apache-2.0",
}
dependencies = { "lua ~> 5.4" }
build = {
  type = "make",
  build_target = "build/luacsi.so",
  install_target = "install-lua",
  install_variables = { LUACDIR = "$(LIBDIR)" },
}
