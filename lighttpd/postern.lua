-- Postern: who it is, told to the application, and what it must not see, taken out. (/etc/lighttpd/postern.lua)
-- lighttpd runs this for each request twice: before the check, and after it has passed.
local r = lighty.r

-- The header of the application, and the variable that the check gives.
local told = {
    ["X-Auth-Request-User"] = "X_AUTH_REQUEST_USER",
    ["X-Auth-Request-Email"] = "X_AUTH_REQUEST_EMAIL",
    ["X-Auth-Request-Groups"] = "X_AUTH_REQUEST_GROUPS",
    ["X-Auth-Request-Preferred-Username"] = "X_AUTH_REQUEST_PREFERRED_USERNAME",
}

-- What only we say. A client may spell it with underscores or dots: CGI and FastCGI know no difference.
local ours = {
    ["x-auth-request-user"] = true,
    ["x-auth-request-email"] = true,
    ["x-auth-request-groups"] = true,
    ["x-auth-request-preferred-username"] = true,
    ["x-auth-request-access-token"] = true,
    ["x-auth-request-assertion"] = true,
    ["remote-user"] = true,
    ["remote-email"] = true,
    ["remote-name"] = true,
    ["remote-groups"] = true,
    ["x-forwarded-user"] = true,
    ["x-forwarded-email"] = true,
    ["x-forwarded-groups"] = true,
    ["x-forwarded-preferred-username"] = true,
    ["x-forwarded-access-token"] = true,
    ["script-name"] = true,
    ["path-info"] = true,
    ["x-original-url"] = true,
    ["x-rewrite-url"] = true,
}

local forged = {}
for name in pairs(r.req_header) do
    local plain = name:lower():gsub("[^%w]", "-")
    if ours[plain] or plain == "x-forwarded-for" and name:lower() ~= plain then
        table.insert(forged, name)
    end
end
for _, name in ipairs(forged) do
    r.req_header[name] = nil
end
-- A tunnel of another protocol would not be checked any more.
if (r.req_header["Upgrade"] or ""):lower() ~= "websocket" then
    r.req_header["Upgrade"] = nil
end

if r.req_env["POSTERN"] == "passed" then
    for name, variable in pairs(told) do
        r.req_header[name] = r.req_env[variable]
    end
    -- The application must not hold the key to the session.
    local kept = {}
    for pair in (r.req_header["Cookie"] or ""):gmatch("[^;]+") do
        local name = pair:match("^%s*([^=%s]*)")
        if name ~= "__Host-postern" and name:sub(1, 15) ~= "__Host-postern-" then
            table.insert(kept, (pair:gsub("^%s+", "")))
        end
    end
    r.req_header["Cookie"] = #kept > 0 and table.concat(kept, "; ") or nil
end
