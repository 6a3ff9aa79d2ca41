-- Sends the cookies of a file in turn: wrk ... -- FILE

local cookies = {}
local turn = 0

function init(arguments)
    for line in io.lines(arguments[1]) do
        cookies[#cookies + 1] = wrk.format("GET", nil, { ["Cookie"] = "theme=dark; __Host-postern=" .. line .. "; lang=en" })
    end
end

function request()
    turn = turn % #cookies + 1
    return cookies[turn]
end
