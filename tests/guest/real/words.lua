-- Tables, strings, closures, patterns, metatables, integer and float arithmetic, files.
local function sieve(n)
  local p, out = {}, {}
  for i = 2, n do
    if not p[i] then
      out[#out + 1] = i
      for j = i * i, n, i do p[j] = true end
    end
  end
  return out
end
local primes = sieve(20000)
print(#primes, primes[#primes])

local V = {}
V.__index = V
V.__add = function(a, b) return setmetatable({x = a.x + b.x, y = a.y + b.y}, V) end
V.__tostring = function(v) return string.format("(%g, %.3f)", v.x, v.y) end
local sum = setmetatable({x = 0, y = 0}, V)
for i = 1, 1000 do sum = sum + setmetatable({x = i, y = math.sin(i)}, V) end
print(tostring(sum))

local text = string.rep("the quick brown fox jumps over the lazy dog; ", 200)
local counts, order = {}, {}
for w in text:gmatch("%a+") do
  if not counts[w] then order[#order + 1] = w end
  counts[w] = (counts[w] or 0) + 1
end
table.sort(order, function(a, b) return counts[a] > counts[b] or counts[a] == counts[b] and a < b end)
for _, w in ipairs(order) do io.write(w, "=", counts[w], " ") end
print()
print((text:gsub("(%a+) (%a+)", "%2 %1")):sub(1, 60), #text:reverse(), text:find("lazy", 1, true))

local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
print(fib(24), 7 // 2, -7 // 2, -7 % 3, 2 ^ 0.5, 1 / 0, math.maxinteger + 1 == math.mininteger, 0x7fffffff << 4, 3 | 12)

local f <close> = assert(io.open(arg[1] .. "/out.txt", "w"))
for i = 1, 2000 do f:write(i, "\t", string.format("%q", "line " .. i), "\n") end
f:close()
local lines, bytes = 0, 0
for l in io.lines(arg[1] .. "/out.txt") do lines, bytes = lines + 1, bytes + #l end
print(lines, bytes, load("return 6 * 7")(), select("#", table.unpack(primes, 1, 200)), os.getenv("HOME"), collectgarbage("count") > 0)
os.exit(7)
