-- Text as man(7) wants it: escaped, in lines of less than 80 bytes.

local roff = {}

local WIDTH = 78

local ESCAPES = {
  ["\\"] = "\\e", ["-"] = "\\-", ["'"] = "\\(aq", ["`"] = "\\(ga", ["^"] = "\\(ha", ["~"] = "\\(ti",
}

function roff.escape(text)
  return (text:gsub("[\\'`^~-]", ESCAPES))
end

function roff.bold(text)
  return "\\fB" .. roff.escape(text) .. "\\fR"
end

function roff.italic(text)
  return "\\fI" .. roff.escape(text) .. "\\fR"
end

-- An argument of a macro.
function roff.quote(escaped)
  return '"' .. escaped:gsub('"', "\\(dq") .. '"'
end

-- A line that begins with a dot would be a request.
local function guard(line)
  return line:find("^%.") and "\\&" .. line or line
end

-- Escaped text, its white space as it comes, in lines.
function roff.fill(escaped)
  local lines, line = {}, nil
  for word in escaped:gmatch("%S+") do
    if line and #line + 1 + #word > WIDTH then
      lines[#lines + 1] = guard(line)
      line = nil
    end
    line = line and line .. " " .. word or word
  end
  lines[#lines + 1] = line and guard(line)
  return table.concat(lines, "\n")
end

function roff.paragraph(escaped)
  return ".PP\n" .. roff.fill(escaped)
end

-- An entry of a list: what it is about, which has to be one line, and below it what there is to say.
function roff.entry(tag, escaped)
  return ".TP\n" .. guard(tag) .. "\n" .. roff.fill(escaped)
end

function roff.item(escaped)
  return ".IP \\(bu 2\n" .. roff.fill(escaped)
end

-- Lines that stay as they are.
function roff.verbatim(text)
  local lines = {}
  for line in (text .. "\n"):gmatch("(.-)\n") do
    lines[#lines + 1] = guard(roff.escape(line))
  end
  return ".PP\n.in +4n\n.nf\n" .. table.concat(lines, "\n") .. "\n.fi\n.in"
end

-- The blocks as one text. A paragraph right behind a heading takes no .PP of its own.
function roff.join(blocks)
  local out = {}
  for i, block in ipairs(blocks) do
    local heads = i > 1 and blocks[i - 1]:find("^%.S[HS]")
    out[i] = heads and block:gsub("^%.PP\n", "") or block
  end
  return table.concat(out, "\n") .. "\n"
end

return roff
