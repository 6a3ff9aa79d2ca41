-- Sends the Cookie field that a file holds, to this host: wrk ... -- FILE HOST

local message

function init(arguments)
    local cookie = io.open(arguments[1]):read("*l")
    message = wrk.format("GET", nil, { ["Cookie"] = cookie, ["Host"] = arguments[2] })
end

function request()
    return message
end
