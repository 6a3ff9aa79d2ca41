-- Postern: keeps what the check says of a person from the browser. (/etc/apache2/postern/variables.lua)
local variables = {
    "REMOTE_USER",
    "X_AUTH_REQUEST_USER",
    "X_AUTH_REQUEST_EMAIL",
    "X_AUTH_REQUEST_GROUPS",
    "X_AUTH_REQUEST_PREFERRED_USERNAME",
}

function strip(r)
    for _, name in ipairs(variables) do
        r.err_headers_out["Variable-" .. name] = nil
    end
    return apache2.DECLINED
end
