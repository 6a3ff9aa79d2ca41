-- Sends the Cookie field that a file holds: wrk ... -- FILE

local message

function init(arguments)
    message = wrk.format("GET", nil, { ["Cookie"] = io.open(arguments[1]):read("l") })
end

function request()
    return message
end
