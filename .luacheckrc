std = "lua54"
exclude_files = { "spec/fuzz/corpus" }
max_line_length = 110
files["spec"] = { std = "+busted" }
files["starter"] = { std = "+busted" }
files["examples/recipes/spec"] = { std = "+busted" }

-- What these do is the point: fill tables that nobody reads, never come to the end, write over the libraries.
files["examples/hostile"] = { ignore = { "241", "511", "122" } }
