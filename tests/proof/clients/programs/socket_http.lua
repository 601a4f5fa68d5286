-- Lua, LuaSocket's socket.http. One behaviour a line on standard input, one line of JSON for each on standard output.
-- Called with a third argument, it makes that one request and says what it saw.
local http = require("socket.http")
local ltn12 = require("ltn12")

local base, folder = arg[1], arg[2]
local bodies = 0

local function content(name)
  local file = assert(io.open(folder .. "/" .. name, "rb"))
  local found = file:read("a")
  file:close()
  return found
end

local function call(method, path, fields, body, framed)
  local seen, headers = {}, fields or {}
  if body and framed ~= "chunked" then headers["Content-Length"] = #body end
  local source = body and ltn12.source.string(body)
  local done, status, got = http.request({
    method = method, url = base .. path, headers = headers, source = source, sink = ltn12.sink.table(seen), redirect = false,
  })
  assert(done, status)
  bodies = bodies + 1
  local name = string.format("%s/body-%s-%d", folder, (arg[3] or ""):match("[^/]*$"), bodies)
  local file = assert(io.open(name, "wb"))
  file:write(table.concat(seen))
  file:close()
  return string.format('{"status": %d, "file": "%s", "length": "%s", "location": "%s"}',
    status, name, got["content-length"] or "", got["location"] or "")
end

local function pay()
  return { call("POST", "/api/echo/payments", { ["Content-Type"] = "application/json" }, content("payment.json")) }
end

local function upload(fields, framed)
  fields["Content-Type"] = "application/octet-stream"
  return { call("POST", "/api/sink", fields, content("upload.bin"), framed) }
end

-- A process for each: the library waits for its reply.
local function parallel()
  local running, seen = {}, {}
  for number = 0, 19 do
    running[#running + 1] = io.popen(string.format("lua5.4 '%s' '%s' '%s' /api/echo/parallel-%d", arg[0], base, folder, number))
  end
  for place, one in ipairs(running) do seen[place] = one:read("a") end
  return seen
end

if arg[3] then
  io.write(call("GET", arg[3]))
  os.exit()
end

local behaviours = {
  get = function() return { call("GET", "/api/bytes/100000") } end,
  streamed = function() return { call("GET", "/api/bytes/100000?chunked") } end,
  json = pay,
  multipart = function()
    local fields = { ["Content-Type"] = "multipart/form-data; boundary=form-4711" }
    return { call("POST", "/api/v2.1/customer/individual/2001/documents", fields, content("form.bin")) }
  end,
  chunked = function() return upload({}, "chunked") end,
  expect = function() return upload({ Expect = "100-continue" }, "length") end,
  close = function() return { call("GET", "/api/bytes/1000"), call("GET", "/api/bytes/1000") } end,
  head = function() return { call("HEAD", "/api/bytes/1000") } end,
  gzip = function() return { call("GET", "/api/gzip/100000", { ["Accept-Encoding"] = "gzip" }) } end,
  ["no content"] = function() return { call("GET", "/api/status/204"), call("GET", "/api/bytes/10") } end,
  revoked = pay,
  parallel = parallel,
  redirect = function() return { call("GET", "/api/moved") } end,
}

for line in io.lines() do
  local fine, told = pcall(behaviours[line])
  if fine then
    print('{"replies": [' .. table.concat(told, ", ") .. "]}")
  else
    print('{"error": "' .. (tostring(told):gsub('["\\\n]', " ")) .. '"}')
  end
  io.stdout:flush()
end
