-- Markdown as docs/ uses it, to man(7): headings, paragraphs, lists, tables, code. The heading of the
-- document, and a paragraph "Contents: ...", which a man page has no use for, are left out.

local roff = require "roff"

-- Cuts a row of a table at the bars that stand outside of code.
local function cells(line)
  local list, cell, code = {}, "", false
  for c in line:match("^|(.*)$"):gmatch("\\?.") do
    if c == "`" then
      code = not code
    end
    if c == "|" and not code then
      list[#list + 1] = cell:match("^%s*(.-)%s*$")
      cell = ""
    else
      cell = cell .. c
    end
  end
  return list
end

-- Inline marks, outside of code.
local function plain(text)
  text = text:gsub("%[(.-)%]%(.-%)", "%1"):gsub("\\([%p])", "%1")
  local out, from = "", 1
  for before, strong, after in text:gmatch("()%*%*(.-)%*%*()") do
    out = out .. roff.escape(text:sub(from, before - 1)) .. roff.bold(strong)
    from = after
  end
  return out .. roff.escape(text:sub(from))
end

local function inline(text)
  text = text:gsub("%[(`.-`)%]%(.-%)", "%1") -- a link whose text is code
  local out, from = "", 1
  for before, _, code, after in text:gmatch("()(`+)(.-)%2()") do
    out = out .. plain(text:sub(from, before - 1)) .. roff.bold(code)
    from = after
  end
  return out .. plain(text:sub(from))
end

-- A row becomes an entry: the first cell its tag; with more than two columns the others named.
local function table_entries(rows)
  local head = cells(rows[1])
  local out = {}
  for i = 3, #rows do
    local row, texts = cells(rows[i]), {}
    for column = 2, #row do
      if row[column] ~= "" then
        local title = head[column]:gsub("`", "")
        local name = #head > 2 and title ~= "" and "\\fI" .. plain(title) .. "\\fR: " or ""
        texts[#texts + 1] = name .. inline(row[column])
      end
    end
    out[#out + 1] = roff.entry(inline(row[1]), table.concat(texts, "; "))
  end
  return table.concat(out, "\n")
end

-- Kinds of blocks: what the first line looks like, what goes on with it, and what becomes of the lines.
local function matches(pattern)
  return function(line) return line:find(pattern) end
end

local function starts_block(line)
  return line:find("^#") or line:find("^|") or line:find("^```") or line:find("^[-*] ")
end

local BLOCKS = {
  {
    first = matches("^#+ "),
    more = function() return false end,
    make = function(lines)
      local level, text = lines[1]:match("^(#+) (.*)$")
      if level == "#" then
        return nil
      elseif level == "##" then
        return ".SH " .. roff.quote(roff.escape(text:upper()))
      end
      return ".SS " .. roff.quote(roff.escape((text:gsub("\\(%p)", "%1"))))
    end,
  },
  {
    first = matches("^|"),
    more = matches("^|"),
    make = table_entries,
  },
  {
    first = matches("^[-*] "),
    more = function(line) return line:find("^  +%S") end,
    make = function(lines)
      return roff.item(inline((table.concat(lines, " "):sub(3):gsub("%s+", " "))))
    end,
  },
  {
    first = matches("^    "),
    more = function(line) return line:find("^    ") end,
    make = function(lines)
      return roff.verbatim((table.concat(lines, "\n"):sub(5):gsub("\n    ", "\n")))
    end,
  },
  {
    first = matches("%S"),
    more = function(line) return line:find("%S") and not starts_block(line) end,
    make = function(lines)
      local text = table.concat(lines, " ")
      return not text:find("^Contents: ") and roff.paragraph(inline(text)) or nil
    end,
  },
}

-- Takes a fenced block of code that begins at lines[i]. Gives its text and the line behind it.
local function fence(lines, i)
  local code = {}
  i = i + 1
  while lines[i] ~= "```" do
    code[#code + 1] = assert(lines[i], "a block of code does not end")
    i = i + 1
  end
  return roff.verbatim(table.concat(code, "\n")), i + 1
end

local function block(lines, i)
  for _, kind in ipairs(BLOCKS) do
    if kind.first(lines[i]) then
      local taken = { lines[i] }
      i = i + 1
      while lines[i] and kind.more(lines[i]) do
        taken[#taken + 1] = lines[i]
        i = i + 1
      end
      return kind.make(taken), i
    end
  end
  return nil, i + 1 -- an empty line
end

-- The blocks of the page.
return function(text)
  -- What stands above the first heading of the second level describes the whole.
  local lines, blocks = {}, { ".SH DESCRIPTION" }
  for line in (text .. "\n"):gmatch("(.-)\n") do
    lines[#lines + 1] = line
  end
  local i = 1
  while i <= #lines do
    local made
    made, i = (lines[i]:find("^```") and fence or block)(lines, i)
    blocks[#blocks + 1] = made
  end
  return blocks
end
