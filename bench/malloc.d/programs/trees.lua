-- Trees, tables that grow, strings and patterns: trees.lua SCALE
local function tree(depth)
	if depth == 0 then return {} end
	return { tree(depth - 1), tree(depth - 1) }
end

local function count(t)
	if not t[1] then return 1 end
	return 1 + count(t[1]) + count(t[2])
end

local total = 0
for turn = 1, tonumber(arg[1]) do
	for _ = 1, 12 do total = total + count(tree(12)) end
	local words, index = {}, {}
	for i = 1, 30000 do
		local word = "w" .. (i * 7919 % 10007)
		words[#words + 1] = word
		index[word] = { i, turn, name = word }
	end
	local text = table.concat(words, " ")
	for word in text:gmatch("%a%d+") do total = total + #word end
	for _, entry in pairs(index) do total = total + entry[1] % 3 end
	text = text:gsub("1", "one")
	total = total + #text
end
print(total)
